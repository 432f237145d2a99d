import type { EpochMs } from "../platform/units.ts";

/** What the kiosk's small mark shows. */
export interface SyncStatus {
  readonly connection: "connected" | "connecting" | "offline" | "refused";
  /** Why not connected, as a stable code: `broker-unreachable`, `broker-refused-password`, `tls-untrusted`, … */
  readonly reason: string | null;
  /** Journal entries without the cloud's receipt. */
  readonly waitingCount: number;
  /** Wall time of the last receipt, null before the first. */
  readonly lastReceiptAtMs: EpochMs | null;
  readonly rosterVersion: number;
}

export interface Sync {
  start(): void;
  status(): SyncStatus;
  onStatus(listener: (status: SyncStatus) => void): () => void;
  /** Publishes the will's opposite, waits at most `waitMsMax` for what is in flight, disconnects. */
  close(options: { readonly waitMsMax: number }): Promise<void>;
}

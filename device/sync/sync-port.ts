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
  /** The entry that the cloud answers for and does not store, with the cloud's code; null while all is well. */
  readonly refusedEntry: { readonly seq: number; readonly code: string } | null;
}

export interface Sync {
  start(): void;
  status(): SyncStatus;
  onStatus(listener: (status: SyncStatus) => void): () => void;
  /** Publishes the will's opposite, waits at most `waitMsMax` for what is in flight, disconnects. */
  close(options: { readonly waitMsMax: number }): Promise<void>;
}

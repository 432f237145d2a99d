export interface TerminalRuntime {
  readonly kind: "found";
  readonly command: string;
  readonly flags: string[];
  /** Whether the running process already is that Node with those flags. */
  readonly isThis: boolean;
}
export declare function compareVersions(a: string, b: string): number;
export declare function typeStrippingFlags(version: string): string[];
export declare function setUpProblem(version: string, platform: string): string | null;
export declare function terminalRuntime(
  root: string,
  options?: { readonly version?: string; readonly preferPinned?: boolean },
): TerminalRuntime | { readonly kind: "too-old"; readonly message: string };
export declare function runInPlace(
  command: string,
  args: readonly string[],
  options?: import("node:child_process").SpawnOptions & { readonly endWithParent?: boolean },
): Promise<number>;
export declare function restartLean(): void;

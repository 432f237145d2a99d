export declare const ROOT: string;
export declare class SetUpFailed extends Error {
  exitCode: number;
}
export declare function setUpExitCode(error: unknown): number;
export declare function setUp(wanted: {
  readonly demoPeople: boolean;
  readonly root?: string;
}): Promise<{ readonly command: string; readonly flags: string[] }>;

/** Builds the page where it is not that of the sources. @returns the folder of the built page. */
export function builtPage(root?: string): Promise<string>;

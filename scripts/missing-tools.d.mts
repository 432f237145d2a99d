export const MISSING_TOOLS_VARIABLE: string;
export function packagesIn(ciRun: string): Map<string, string>;
export function skippedSummary(skippedCount: number, missing: string, ciRun: string): string | null;

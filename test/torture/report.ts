import type { TrialResult } from "./trial.ts";

/** The table of a run: what was tried, how often, and what held. */
export function reportOf(
  results: readonly TrialResult[],
  { seed, machine }: { readonly seed: number; readonly machine: string },
): string {
  const rows = results.map(({ name, done, shownCount, problems, skipped }) => {
    const outcome =
      skipped !== null
        ? `not tried: ${skipped}`
        : problems.length === 0
          ? "held"
          : `**${problems.length} problems**`;
    return `| ${name} | ${cell(done)} | ${shownCount} | ${outcome} |`;
  });
  const problems = results.flatMap(({ name, problems: found }) => found.map((one) => `- ${name}: ${one}`));
  return [
    `Seed ${seed}, ${machine}.`,
    "",
    "| fault | what was done | payments shown | journal, cloud and screen agree |",
    "|---|---|---|---|",
    ...rows,
    ...(problems.length === 0 ? [] : ["", ...problems]),
    "",
  ].join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "/");

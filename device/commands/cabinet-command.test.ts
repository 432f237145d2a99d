import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../journal/database.ts";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { reportRig } from "../sample-cabinet/report-fixture.ts";
import { databaseFile, TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../terminal-database.ts";
import { runCaptured } from "./captured-io.ts";
import { pruneFolder } from "./pruned-folder.ts";

const CONFIG = `
version: 1
site: school
device: line-1
dataFolder: data
servingLine:
  mealPlan:
    periods:
      - { id: lunch, name: { zh: 午餐, en: Lunch }, from: "11:00", to: "13:00", pricing: { kind: fixed, priceFen: 1 } }
cabinets:
  - { id: cabinet-1, name: { zh: 一号柜, en: Cabinet 1 }, slots: 3, probes: [{ probe: upper }] }
devices:
  - { id: upper, kind: thermometer, port: /dev/ttyS9, protocol: ir-gy-mcu90614 }
`;

/** A terminal's folder whose journal holds the report fixture's entries, as another terminal wrote them. */
async function terminalFolder(): Promise<string> {
  const rig = await reportRig();
  const folder = temporaryFolder();
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "canteen.yaml"), CONFIG);
  const clock = new VirtualClock();
  const db = openDatabase({
    file: databaseFile(join(folder, "data")),
    clock,
    migrations: TERMINAL_MIGRATIONS,
  });
  onTestFinished(() => void db.close());
  const journal = openJournal({
    db,
    clock: rig.clock,
    timeTrust: { current: () => "synced" },
    projections: TERMINAL_PROJECTIONS,
  });
  journal.transact(() => {
    for (const { id, kind, body } of rig.entries()) {
      if (kind === "journal.checkpoint") continue;
      journal.append({ id, kind, body });
    }
  });
  db.prepare(
    "INSERT INTO operator (operator_id, display_name, role, pin_hash) VALUES ('li', '李师傅', 'keeper', 'scrypt$x')",
  ).run();
  return folder;
}

test("a report, its verification, a label and its check, from the command line", async () => {
  const folder = await terminalFolder();
  const run = (...argv: string[]) => runCaptured(["cabinet", ...argv], { folder });
  const range = ["--from", "2026-09-07", "--to", "2026-09-09"];
  expect(await run("report", ...range, "--out", "r.html")).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("r.html"),
  });
  const html = readFileSync(join(folder, "r.html"), "utf8");
  expect(html).toContain("李师傅");
  expect(await run("report", ...range, "--out", "r.html")).toMatchObject({ exitCode: 2 });
  expect(await run("report", "--verify", "r.html")).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("compared with"),
  });
  writeFileSync(join(folder, "bad.html"), html.replace("152 g", "352 g"));
  const bad = await run("report", "--verify", "bad.html", "--json");
  expect(bad.exitCode).toBe(3);
  expect(JSON.parse(bad.stdout)).toMatchObject({ ok: false, problems: [{ problem: "page-differs" }] });

  // Whoever changes the page can also say that another version drew it: then nobody has compared it, and that is said.
  const other = html.replace("152 g", "352 g").replace(/"renderer":\d+/, '"renderer":99');
  writeFileSync(join(folder, "other.html"), other);
  expect((await run("report", "--verify", "other.html")).stdout).toContain(
    "what the page shows was not compared",
  );
  expect((await run("report", "--verify", "r.html")).stdout).not.toContain("what the page shows");

  const [sampleId = ""] = /"sampleId":"([0-9a-f-]{36})"/.exec(html)?.slice(1) ?? [];
  expect((await run("label", sampleId)).stdout).toContain("size: 60mm 40mm");
  const code = (await run("label", sampleId, "--code")).stdout.trim();
  expect(await run("check", code)).toMatchObject({ exitCode: 0 });
  expect(JSON.parse((await run("check", code.replace("152g", "252g"), "--json")).stdout).kind).toBe(
    "differs",
  );
  expect(JSON.parse((await run("check", code.replace("line-1", "line-2"), "--json")).stdout).kind).toBe(
    "elsewhere",
  );
  expect(JSON.parse((await run("check", "http://example.org", "--json")).stdout).kind).toBe("no-label");
});

test("label and report say what was pruned instead of denying it, and the calibration of before is named", async () => {
  const folder = await terminalFolder();
  const run = (...argv: string[]) => runCaptured(["cabinet", ...argv], { folder });
  const range = ["--from", "2026-09-07", "--to", "2026-09-09"];
  await run("report", ...range, "--out", "r.html");
  const html = readFileSync(join(folder, "r.html"), "utf8");
  const [sampleId = ""] = /"sampleId":"([0-9a-f-]{36})"/.exec(html)?.slice(1) ?? [];
  const code = (await run("label", sampleId, "--code")).stdout.trim();
  const { baseSeq, nowMs } = await pruneFolder(folder);
  const gone = { exitCode: 1, stderr: expect.stringContaining("journal-no-longer-held") };
  expect(await run("check", code, "--json")).toMatchObject(gone);
  expect(await run("report", ...range, "--out", "gone.html", "--json")).toMatchObject(gone);
  const day = new Date(nowMs + 86_400_000).toISOString().slice(0, 10);
  expect(await run("report", "--from", day, "--to", day, "--out", "after.html")).toMatchObject({
    exitCode: 0,
  });
  const after = readFileSync(join(folder, "after.html"), "utf8");
  expect(after).toContain(`第 ${baseSeq} 条及以前的流水已按保存期清理`);
  expect(after).toContain("校准为 -0.3 °C");
  expect(await run("report", "--verify", "after.html")).toMatchObject({ exitCode: 0 });
});

test("a range that is too long, backwards or missing is refused with what is wrong", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "canteen.yaml"), CONFIG);
  const said = async (...argv: string[]) => {
    const { exitCode, stderr } = await runCaptured(["cabinet", "report", ...argv], { folder });
    return [exitCode, stderr];
  };
  expect(await said("--from", "2025-01-01", "--to", "2026-09-09")).toEqual([
    2,
    expect.stringContaining("400"),
  ]);
  expect(await said("--from", "2026-09-02", "--to", "2026-09-01")).toEqual([
    2,
    expect.stringContaining("--from"),
  ]);
  expect(await said("--from", "2026-09-01", "--to", "2026-09-01", "--cabinet", "x")).toEqual([
    2,
    expect.stringContaining("no cabinet x"),
  ]);
});

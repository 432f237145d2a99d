import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import fc from "fast-check";
import mqtt from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { openDatabase } from "../../device/journal/database.ts";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { journalMigrations } from "../../device/journal/journal-tables.ts";
import { openJournal } from "../../device/journal/sqlite-journal.ts";
import { drafts, rosterFixture } from "../../device/roster/roster-fixture.ts";
import { SqliteCommandLog, syncMigrations } from "../../device/sync/command-log.ts";
import { freePort, startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { CHANNELS } from "../../device/sync/topics.ts";
import { appendMany, clock, ids, oneTo, RigCloud, RigTerminal } from "./testing/rig.ts";

async function openPair(
  folder = temporaryFolder(),
): Promise<{ readonly port: number; readonly cloud: RigCloud }> {
  const { port, close } = await startAedes();
  onTestFinished(close);
  const cloud = await RigCloud.start(port, folder, { demoRoster: true });
  onTestFinished(() => cloud.close());
  await cloud.connected();
  return { port, cloud };
}

function openTerminal(...given: ConstructorParameters<typeof RigTerminal>): RigTerminal {
  const terminal = new RigTerminal(...given);
  onTestFinished(() => terminal.close());
  return terminal;
}

const charge = (personId: string, amountFen: number) => ({
  id: ids.next(),
  kind: "charge.made",
  body: {
    chargeId: ids.next(),
    personId,
    amountFen,
    periodId: "lunch",
    periodName: { zh: "午餐", en: "Lunch" },
    businessDate: "2026-09-01",
    method: "face",
  },
});

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

describe("reference cloud and terminals", () => {
  it("brings the roster to an empty terminal, and a charge at one terminal to the other's balance", async () => {
    const { port, cloud } = await openPair();
    const [first, second] = [rosterFixture({ seed: 1 }), rosterFixture({ seed: 2 })];
    const one = openTerminal(first.journal, brokerSettings(port), { roster: first.roster });
    const two = openTerminal(second.journal, brokerSettings(port), {
      roster: second.roster,
      address: { site: "s1", device: "t2" },
    });
    await one.until(({ rosterVersion }) => rosterVersion > 0);
    await two.until(({ rosterVersion }) => rosterVersion > 0);
    expect(second.roster.personByNumber("1001")).toMatchObject({ displayName: "陈一诺" });
    first.journal.append(charge("p-1001", 1200));
    await two.until(() => second.roster.account("p-1001")?.balanceFen === 13_800);
    await one.until(() => first.roster.account("p-1001")?.throughSeq === 1);
    expect(first.roster.account("p-1001")).toEqual({ balanceFen: 13_800, throughSeq: 1 });
    cloud.cloud.ledger.topUp("t-1", "p-1001", 5000);
    await one.until(() => first.roster.account("p-1001")?.balanceFen === 18_800);
    await two.until(() => second.roster.account("p-1001")?.balanceFen === 18_800);
  });

  it("heals a roster whose deltas come out of order, are lost or come twice", async () => {
    const { port, cloud } = await openPair();
    const { journal, roster } = rosterFixture();
    const terminal = openTerminal(journal, brokerSettings(port), { roster });
    await terminal.until(({ rosterVersion }) => rosterVersion > 0);
    const have = roster.version();
    const line = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    onTestFinished(() => line.endAsync(true));
    const delta = { v: 1, kind: "delta", people: [], removed: [] };
    for (const from of [have + 7, have - 1, have + 3]) {
      const payload = JSON.stringify({ ...delta, from, to: from + 1 });
      await line.publishAsync("canteen/v1/s1/t1/down/roster", payload, { qos: 1 });
    }
    cloud.cloud.ledger.topUp("t-1", "p-1002", 100);
    await terminal.until(() => roster.account("p-1002")?.balanceFen === 9950);
    expect(roster.counts().people).toBe(12);
  });

  it("withdraws a consent from the page down to the templates of every terminal", async () => {
    const { port, cloud } = await openPair();
    const { journal, roster, templates } = rosterFixture();
    const terminal = openTerminal(journal, brokerSettings(port), { roster });
    await terminal.until(({ rosterVersion }) => rosterVersion > 0);
    templates.enrol({ entryId: ids.next(), personId: "p-1003", templates: drafts(1, 2), operatorId: "o" });
    expect(roster.counts().withTemplate).toBe(1);
    const answer = await post(`${cloud.cloud.url}/api/people/p-1003/withdraw-consent`, {});
    expect(answer.status).toBe(200);
    await terminal.until(() => roster.counts().withTemplate === 0);
    expect(roster.hasConsent("p-1003", "face")).toBe(false);
  });

  it("carries sealed templates to the site's other terminal where consent covers it, and keeps only ciphertext", async () => {
    const { port, cloud } = await openPair();
    const [first, second] = [rosterFixture({ seed: 1 }), rosterFixture({ seed: 2 })];
    const one = openTerminal(first.journal, brokerSettings(port), {
      roster: first.roster,
      templates: first.sharing,
    });
    const two = openTerminal(second.journal, brokerSettings(port), {
      roster: second.roster,
      templates: second.sharing,
      address: { site: "s1", device: "t2" },
    });
    await one.until(({ rosterVersion }) => rosterVersion > 0);
    await two.until(({ rosterVersion }) => rosterVersion > 0);
    const scopes = ["face", "share-template"] as const;
    first.templates.recordConsent({ personId: "p-1009", scopes, grantedBy: "guardian", operatorId: "o" });
    await two.until(() => second.roster.hasConsent("p-1009", "share-template"));
    first.templates.enrol({ entryId: ids.next(), personId: "p-1009", templates: drafts(5), operatorId: "o" });
    await two.until(() => second.roster.counts().withTemplate === 1);
    await one.until(() => first.sharing.pendingShares(1).length === 0);
    first.templates.withdraw({ entryId: ids.next(), personId: "p-1009", operatorId: "o", reason: "asked" });
    await two.until(() => second.roster.counts().withTemplate === 0);
    expect(cloud.cloud.ledger.mayShare("p-1009")).toBe(false);
  });

  it("offers a share again that came to a terminal before the consent it needs", async () => {
    const { port, cloud } = await openPair();
    const [first, second] = [rosterFixture({ seed: 1 }), rosterFixture({ seed: 2 })];
    let refusedCount = 0;
    // Roster and templates travel apart. Here the first offer always comes first, as it may on any line.
    const overtaken: typeof second.sharing = {
      pendingShares: (countMax) => second.sharing.pendingShares(countMax),
      confirmShare: (shareId) => second.sharing.confirmShare(shareId),
      onPending: (listener) => second.sharing.onPending(listener),
      accept: (share) => {
        if (refusedCount > 0) return second.sharing.accept(share);
        refusedCount += 1;
        return { kind: "refused", code: "consent-missing" };
      },
    };
    const one = openTerminal(first.journal, brokerSettings(port), {
      roster: first.roster,
      templates: first.sharing,
    });
    const two = openTerminal(second.journal, brokerSettings(port), {
      roster: second.roster,
      templates: overtaken,
      address: { site: "s1", device: "t2" },
    });
    await one.until(({ rosterVersion }) => rosterVersion > 0);
    await two.until(({ rosterVersion }) => rosterVersion > 0);
    const scopes = ["face", "share-template"] as const;
    first.templates.recordConsent({ personId: "p-1009", scopes, grantedBy: "guardian", operatorId: "o" });
    first.templates.enrol({ entryId: ids.next(), personId: "p-1009", templates: drafts(5), operatorId: "o" });
    await two.until(() => refusedCount === 1);
    first.journal.append(charge("p-1009", 500));
    await two.until(() => second.roster.counts().withTemplate === 1);
    expect(cloud.cloud.ledger.mayShare("p-1009")).toBe(true);
  });

  it("pushes a meal plan and a command to a terminal, each taken once", async () => {
    const { port, cloud } = await openPair();
    const { journal, db } = journalFixture({ migrations: [syncMigrations] });
    const plans: string[] = [];
    const commands: string[] = [];
    const terminal = openTerminal(journal, brokerSettings(port), {
      mealPlan: {
        version: () => plans.at(-1) ?? null,
        apply: (plan) => {
          plans.push(plan.version);
          return { kind: "applied" };
        },
      },
      commands: {
        log: new SqliteCommandLog(db, journal),
        handlers: {
          light: ({ args }) => {
            commands.push(String(args["on"]));
            journal.append({ id: ids.next(), kind: "config.applied", body: {} });
            return { status: "done" };
          },
        },
      },
    });
    await terminal.drained();
    const plan = {
      v: 1,
      version: "autumn",
      zone: "Asia/Shanghai",
      periods: [
        {
          id: "lunch",
          name: { zh: "午餐", en: "Lunch" },
          fromMinute: 660,
          toMinute: 780,
          pricing: { kind: "fixed", priceFen: 1200 },
          subsidyFen: { student: 0, staff: 0, guest: 0 },
        },
      ],
      menu: [],
    };
    expect((await post(`${cloud.cloud.url}/api/meal-plan`, plan)).status).toBe(200);
    const command = { site: "s1", device: "t1", name: "light", args: { on: true } };
    expect((await post(`${cloud.cloud.url}/api/commands`, command)).status).toBe(200);
    await cloud.until(() => cloud.storedSeqs().length === 1);
    expect([plans, commands]).toEqual([["autumn"], ["true"]]);
  });

  it("stands malformed messages on every topic, on both sides, without losing an entry", async () => {
    const { port, cloud } = await openPair();
    const { journal } = journalFixture();
    const terminal = openTerminal(journal, brokerSettings(port));
    await terminal.drained();
    const line = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    onTestFinished(() => line.endAsync(true));
    const payloads = fc.sample(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
        fc.json().map((text) => Buffer.from(text)),
        fc.object().map((value) => Buffer.from(JSON.stringify({ ...value, v: 1 }))),
        fc.constantFrom("", "{", "null", '{"v":1}', '{"v":2}', `${"[".repeat(50_000)}`).map(Buffer.from),
      ),
      { numRuns: 25, seed: 9 },
    );
    for (const { suffix } of Object.values(CHANNELS)) {
      for (const payload of payloads) {
        await line.publishAsync(`canteen/v1/s1/t1/${suffix}`, payload, { qos: 1 });
      }
    }
    appendMany(journal, 50);
    await terminal.until(({ waitingCount }) => waitingCount === 0);
    expect(cloud.storedSeqs()).toEqual(oneTo(50));
    expect(cloud.cloud.mqtt.malformedCount).toBeGreaterThan(100);
  });

  it("sees the will of a terminal that was killed, and has everything that it had shown after its next start", async () => {
    const { port, cloud } = await openPair();
    const folder = temporaryFolder();
    const script = new URL("testing/terminal-process.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [script, String(port), folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let shownSeq = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      shownSeq = Number(line);
      if (shownSeq === 40) break;
    }
    child.kill("SIGKILL");
    await once(child, "exit");
    await cloud.until(({ views }) => views.devices().some(({ online, seenAtMs }) => !online && seenAtMs > 0));
    const db = openDatabase({ file: `${folder}/canteen.db`, clock, migrations: [journalMigrations] });
    onTestFinished(() => void db.close());
    const journal = openJournal({ db, clock, timeTrust: { current: () => "synced" }, projections: [] });
    expect(journal.head().seq).toBeGreaterThanOrEqual(shownSeq);
    await openTerminal(journal, brokerSettings(port)).drained();
    expect(cloud.storedSeqs()).toEqual(oneTo(journal.head().seq));
  });
});

describe("reference cloud over HTTP", () => {
  it("serves the page, says what it is for, and shows charges with person, meal, receipt and chain", async () => {
    const { port, cloud } = await openPair();
    const page = await (await fetch(cloud.cloud.url)).text();
    expect(page).toContain("仅供开发");
    expect(page).toContain("For development");
    const { journal } = journalFixture();
    const terminal = openTerminal(journal, brokerSettings(port));
    await terminal.drained();
    journal.append(charge("p-1002", 1500));
    await terminal.until(({ waitingCount }) => waitingCount === 0);
    const read = async (path: string) => (await fetch(`${cloud.cloud.url}${path}`)).json();
    expect(await read("/api/charges")).toMatchObject({
      charges: [
        {
          seq: 1,
          device: "t1",
          displayName: "王子涵",
          periodName: { zh: "午餐", en: "Lunch" },
          amountFen: 1500,
          receipted: true,
          voided: false,
          disputed: false,
        },
      ],
    });
    const made = journal.entryBySeq(1);
    const chargeId = String(made?.body["chargeId"]);
    journal.append({
      id: "0198c0de-0000-7000-8000-0000000000dd",
      kind: "identity.disputed",
      body: {
        disputeId: "0198c0de-0000-7000-8000-0000000000dd",
        chargeId,
        charged: true,
        personId: "p-1002",
      },
    });
    await terminal.until(({ waitingCount }) => waitingCount === 0);
    expect(await read("/api/charges")).toMatchObject({ charges: [{ chargeId, disputed: true }] });
    expect(await read("/api/devices")).toMatchObject({
      devices: [{ device: "t1", online: true, ackedSeq: 2, headSeq: 2, chain: "whole" }],
    });
    expect(await read("/api/entries?after=0")).toMatchObject({ entries: [{ seq: 1 }, { seq: 2 }], next: 2 });
    expect(await read("/api/entries?after=2")).toEqual({ entries: [], next: 2 });
    expect(await read("/healthz")).toMatchObject({ ok: true, broker: { connection: "connected" } });
    expect(JSON.stringify(await read("/api/people"))).not.toContain("scrypt");
  });

  it("tells the page of a change over server-sent events", async () => {
    const { cloud } = await openPair();
    const response = await fetch(`${cloud.cloud.url}/events`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    await reader?.read();
    expect((await post(`${cloud.cloud.url}/api/people/p-1001/top-up`, { amountFen: 5000 })).status).toBe(200);
    const told = await reader?.read();
    expect(told?.value).toContain("event: changed");
    await reader?.cancel();
  });

  it("refuses what is not valid, unknown people, other origins and forms, and changes nothing", async () => {
    const { cloud } = await openPair();
    const { url, ledger } = cloud.cloud;
    const version = ledger.version();
    const topUp = `${url}/api/people/p-1001/top-up`;
    const statuses = [
      (await post(topUp, { amountFen: -1 })).status,
      (await post(topUp, { amountFen: 1.5 })).status,
      (await post(topUp, { amountFen: 100, extra: 1 })).status,
      (await post(`${url}/api/people/nobody/top-up`, { amountFen: 100 })).status,
      (await post(topUp, { amountFen: 100 }, { origin: "http://evil.example" })).status,
      (await fetch(topUp, { method: "POST", body: "amountFen=100" })).status,
      (await fetch(topUp, { method: "POST", headers: { "content-type": "application/json" }, body: "{" }))
        .status,
      (await fetch(`${url}/api/entries?after=x`)).status,
      (await post(`${url}/api/meal-plan`, {})).status,
      (await post(`${url}/api/people/p-1008/withdraw-consent`, {})).status,
      (await fetch(`${url}/nothing`)).status,
    ];
    expect(statuses).toEqual([400, 400, 400, 404, 403, 415, 400, 400, 400, 409, 404]);
    expect(ledger.version()).toBe(version);
  });
});

describe("the command line", () => {
  const main = new URL("main.ts", import.meta.url).pathname;
  const run = (...args: string[]) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const exited = once(child, "exit").then(([code]) => code);
    return { child, exited };
  };

  it("starts with the demo roster, prints its address, and ends cleanly on SIGTERM", async () => {
    const { port, close } = await startAedes({ username: "u", password: "p" });
    onTestFinished(close);
    const folder = temporaryFolder();
    const passwordFile = `${folder}/password`;
    writeFileSync(passwordFile, "p\n");
    const { child, exited } = run(
      ...["--mqtt", `mqtt://127.0.0.1:${port}`, "--http", "0", "--data", folder, "--demo-roster"],
      ...["--username", "u", "--password-file", passwordFile, "--log-level", "error"],
    );
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    const url = /http:\/\/\S+/.exec(String(line))?.[0] ?? "";
    const { people } = (await (await fetch(`${url}/api/people`)).json()) as { people: unknown[] };
    expect(people).toHaveLength(12);
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
  });

  it("says so when its port is in use, and when a flag is wrong", async () => {
    const { port, close } = await startAedes();
    onTestFinished(close);
    const inUse = run(
      "--http",
      String(port),
      "--data",
      temporaryFolder(),
      "--mqtt",
      `mqtt://127.0.0.1:${await freePort()}`,
    );
    const [message] = await once(inUse.child.stderr, "data");
    expect(String(message)).toContain("端口已被占用");
    expect(await inUse.exited).toBe(1);
    expect(await run("--http", "x").exited).toBe(2);
    expect(await run("--help").exited).toBe(0);
  });
});

import { join } from "node:path";
import { openDatabase } from "../../device/journal/database.ts";
import { openJournal } from "../../device/journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../../device/platform/entropy.ts";
import { makeCertificates, startAedes } from "../../device/sync/testing/brokers.ts";
import { TcpProxy } from "../../device/sync/testing/tcp-proxy.ts";
import { TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import { MeddlingBridge } from "../../scripts/reference-cloud/testing/meddling-bridge.ts";
import type { CardSchool } from "../crash/card-school.ts";
import { hasTool } from "../require-tool.ts";
import { clock, settle, startBroker, type Trial, until, withSchool } from "./trial.ts";

/** An entry for each minute of three days, and as many again from the scales and the cabinet. */
const BACKLOG_ENTRIES = 3 * 24 * 60 * 2;
const PAID_OFFLINE = 3;
const PAY_MS_MAX = 240_000;

const paidMore = (school: CardSchool, before: number): Promise<boolean> =>
  until(() => school.shown.length >= before + PAID_OFFLINE, PAY_MS_MAX);

export const brokerKills: Trial = {
  name: "broker kill -9",
  run: async (context) => {
    const broker = await startBroker();
    try {
      return await withSchool(context, broker, {}, async (school) => {
        const problems: string[] = [];
        await school.firstPayment();
        const terminal = await school.start();
        const payer = school.pay(terminal);
        for (let kill = 1; kill <= context.rounds; kill++) {
          await clock.delay(context.entropy.uniform() * 1500);
          await broker.stop();
          if (!(await paidMore(school, school.shown.length)))
            problems.push(`kill ${kill}: no sales without broker`);
          await broker.restart();
          await clock.delay(context.entropy.uniform() * 1500);
        }
        await terminal.kill();
        await payer.ended();
        problems.push(...(await settle(school)));
        return { done: `${context.rounds} kills of the broker`, shownCount: school.shown.length, problems };
      });
    } finally {
      await broker.close();
    }
  },
};

/** Over TLS, through a proxy that goes silent without a word, and then resets. */
export const deadLines: Trial = {
  name: "TLS drop, half-open connection",
  missing: () => (hasTool("openssl") && hasTool("mosquitto") ? null : "openssl or mosquitto is missing"),
  run: async (context) => {
    const tls = makeCertificates(context.folder, "school");
    const broker = await startBroker({ tls });
    const proxy = await TcpProxy.start(broker.port);
    const { caFile } = tls;
    const more = {
      terminalMqttUrl: `mqtts://127.0.0.1:${proxy.port}`,
      caFile,
      cloudBroker: { url: `mqtts://127.0.0.1:${broker.port}`, caFile },
    };
    try {
      return await withSchool(context, broker, more, async (school) => {
        const problems: string[] = [];
        await school.firstPayment();
        const terminal = await school.start();
        const payer = school.pay(terminal);
        for (let round = 1; round <= context.rounds; round++) {
          await clock.delay(context.entropy.uniform() * 1000);
          if (round % 2 === 0) proxy.cut();
          else {
            proxy.freeze();
            if (!(await paidMore(school, school.shown.length)))
              problems.push(`round ${round}: no sales on a dead line`);
            proxy.thaw();
          }
        }
        await terminal.kill();
        await payer.ended();
        problems.push(...(await settle(school)));
        return { done: `${context.rounds} dead or cut lines`, shownCount: school.shown.length, problems };
      });
    } finally {
      await proxy.close();
      await broker.close();
    }
  },
};

/** Two brokers with a line between them that loses one receipt in two and repeats some. */
export const lostReceipts: Trial = {
  name: "receipts lost and repeated",
  run: async (context) => {
    const near = await startAedes();
    const far = await startBroker();
    let lost = 0;
    const bridge = await MeddlingBridge.start(near.port, far.port, (topic) => {
      if (!topic.endsWith("/down/receipt")) return "pass";
      const drawn = context.entropy.uniform();
      if (drawn < 0.5) lost += 1;
      return drawn < 0.5 ? "drop" : drawn < 0.6 ? "twice" : drawn < 0.7 ? "late" : "pass";
    });
    const more = { cloudBroker: { url: `mqtt://127.0.0.1:${far.port}` } };
    try {
      return await withSchool(context, near, more, async (school) => {
        await school.firstPayment();
        const terminal = await school.start();
        const payer = school.pay(terminal);
        await until(() => lost >= context.rounds * 2, PAY_MS_MAX);
        await terminal.kill();
        await payer.ended();
        const problems = await settle(school);
        return { done: `${lost} receipts lost`, shownCount: school.shown.length, problems };
      });
    } finally {
      await bridge.close();
      await far.close();
      await near.close();
    }
  },
};

/** The journal of three days without network goes up at once, while people go on paying. */
export const backlog: Trial = {
  name: "72 h of backlog at once",
  run: async (context) => {
    const broker = await startBroker();
    try {
      return await withSchool(context, broker, {}, async (school) => {
        await school.firstPayment();
        appendBacklog(school);
        const startedMono = clock.mono();
        const terminal = await school.start();
        const payer = school.pay(terminal);
        const late = await school.drained();
        const drainedMs = Math.round(clock.mono() - startedMono);
        const shownMeanwhile = school.shown.length;
        await terminal.kill();
        await payer.ended();
        const problems = [...(late === null ? [] : [late]), ...(await settle(school))];
        if (shownMeanwhile < 2) problems.push("nobody could pay while the backlog went up");
        return {
          done: `${BACKLOG_ENTRIES} entries in the cloud ${(drainedMs / 1000).toFixed(1)} s after the start`,
          shownCount: school.shown.length,
          problems,
        };
      });
    } finally {
      await broker.close();
    }
  },
};

function appendBacklog({ dataFolder }: CardSchool): void {
  const file = join(dataFolder, "terminal.db");
  const db = openDatabase({ file, clock, migrations: TERMINAL_MIGRATIONS });
  const timeTrust = { current: () => "held" as const };
  const journal = openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS });
  const ids = idSource(clock, systemEntropy);
  journal.transact(() => {
    for (let index = 0; index < BACKLOG_ENTRIES; index++)
      journal.append({ id: ids.next(), kind: "trial.noted", body: { index, text: "x".repeat(150) } });
  });
  db.close();
}

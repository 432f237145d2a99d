import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type DemoOptions, demoConfig } from "../config/demo-config.ts";
import { type RunningTerminal, startTerminal, type Terminal } from "../main.ts";
import { CanteenError, isFault } from "../platform/errors.ts";
import { createLogger, type Logger } from "../platform/logger.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { Teardown } from "../platform/teardown.ts";
import { createEmbeddedBroker, type EmbeddedBroker } from "../sync/embedded-broker.ts";
import { type DemoBench, startDemoBench } from "./demo-bench.ts";
import { startDemoCabinet } from "./demo-cabinet.ts";
import { PROGRAM_FOLDER } from "./which-config.ts";

export interface DemoSystemOptions extends Omit<DemoOptions, "mqttUrl"> {
  /** Folder with one folder per sample person, named by number, with the photos to enrol. */
  readonly peopleFolder: string;
  readonly cloudPort: number;
  readonly onProgress: (text: string) => void;
}

/** Who may open /admin in the demo. Said on the screen, so it is no secret; a real operator is added by command. */
export const DEMO_OPERATOR = { operatorId: "demo", pin: "628451" } as const;

/** The second person of a weigh-in. Their face is a teacher's of the sample roster, once somebody enrols it. */
export const DEMO_KEEPER = { operatorId: "keeper", pin: "407193", staffNumber: "2001" } as const;

const BROKER_PORT = 1883;
const CLOUD_START_MS_MAX = 20_000;
const CLOUD_STOP_MS_MAX = 5000;
const ROSTER_WAIT_MS_MAX = 20_000;
const LOOK_PERIOD_MS = 50;
const CLOUD_PROGRAM = join(PROGRAM_FOLDER, "scripts", "reference-cloud", "main.ts");

/** The whole system on one machine: broker, reference cloud (a process of its own) and terminal, with people in it. */
export async function startDemoSystem(options: DemoSystemOptions): Promise<RunningTerminal> {
  const teardown = new Teardown();
  const logger = createLogger("warn");
  try {
    const { broker, mqttUrl } = await startBroker(logger, teardown);
    const cloudUrl = await startCloud(options, mqttUrl, teardown);
    const bench = await startDemoBench(join(options.dataFolder, "..", "goods"), new SystemClock(), teardown);
    let running: Terminal | null = null;
    options.onProgress("正在启动终端… / starting the terminal…");
    const cabinet = await startDemoCabinet(new SystemClock(), teardown);
    const terminal = await startTerminal({
      config: demoConfig({
        ...options,
        mqttUrl,
        bench: benchConfig(bench, options),
        cabinetPort: cabinet.port,
      }),
      logger,
      demo: {
        cabinet: cabinet.controls,
        isOnline: () => broker.listening,
        setOnline: async (online) => {
          if (online) await broker.start();
          else await broker.stop();
        },
        goods: bench.goods(
          () => running && { day: running.receiving.view().day, book: running.store.orders },
        ),
      },
    });
    running = terminal;
    teardown.add("terminal", () => terminal.close());
    await addDemoOperators(terminal);
    await terminal.engine.ready();
    await enrolSamplePeople(terminal, options);
    linkDemoKeeper(terminal);
    return {
      urls: [
        ...terminal.urls.map(({ label, url }) => ({ label, url: `${url}/pay` })),
        ...terminal.urls.map(({ url }) => ({
          label: { zh: "收货", en: "Receiving" },
          url: `${url}/receive`,
        })),
        ...terminal.urls.map(({ url }) => ({
          label: { zh: "留样柜", en: "Sample cabinet" },
          url: `${url}/cabinet`,
        })),
        ...terminal.urls.map(({ url }) => ({ label: { zh: "管理", en: "Admin" }, url: `${url}/admin` })),
        { label: { zh: "参考云端", en: "Reference cloud" }, url: cloudUrl },
      ],
      notes: WHAT_TO_TRY,
      close: () => teardown.run(),
    };
  } catch (error) {
    await teardown.run().catch(() => {});
    throw error;
  }
}

const WHAT_TO_TRY = [
  {
    zh: "在终端页面看示例人物刷脸付款；同一餐第二次会提示已付过",
    en: "watch the sample people pay at the terminal; the second time in a meal says already paid",
  },
  {
    zh: "键入 C1001 并回车（像读卡器那样），或按人员号 1003、密码 1234 付款",
    en: "type C1001 and Enter as a card reader does, or pay with number 1003 and PIN 1234",
  },
  {
    zh: `管理页面：操作员 ${DEMO_OPERATOR.operatorId}，密码 ${DEMO_OPERATOR.pin}，可登记人脸、作废`,
    en: `admin page: operator ${DEMO_OPERATOR.operatorId}, PIN ${DEMO_OPERATOR.pin}: enrol a face, void a charge`,
  },
  {
    zh: `收货和留样的签字：厨师/仓管 ${DEMO_KEEPER.operatorId}，密码 ${DEMO_KEEPER.pin}；为 ${DEMO_KEEPER.staffNumber} 登记人脸后可刷脸签字`,
    en: `signing for deliveries and samples: keeper ${DEMO_KEEPER.operatorId}, PIN ${DEMO_KEEPER.pin}; by face once ${DEMO_KEEPER.staffNumber} is enrolled`,
  },
  {
    zh: `留样柜页面：点菜名留样，用滑块放 130 克以上，${DEMO_KEEPER.operatorId} 签字；打开柜门或停压缩机，几十秒内报警`,
    en: `cabinet page: press a dish, slide 130 g onto the pan, ${DEMO_KEEPER.operatorId} signs; open the door or stop the compressor: it alarms within a minute`,
  },
  {
    zh: `收货页面：操作员 ${DEMO_KEEPER.operatorId}，密码 ${DEMO_KEEPER.pin}；选送货单，用底部的滑块放货、记录，由 ${DEMO_OPERATOR.operatorId} 签字`,
    en: `receiving page: operator ${DEMO_KEEPER.operatorId}, PIN ${DEMO_KEEPER.pin}: choose a delivery, put goods on with the slider, record; ${DEMO_OPERATOR.operatorId} signs`,
  },
  {
    zh: "在终端页面断开网络再恢复，看云端补齐每一笔",
    en: "pull the network on the terminal's page and put it back: the cloud catches up, each charge once",
  },
] as const;

async function startBroker(
  logger: Logger,
  teardown: Teardown,
): Promise<{ broker: EmbeddedBroker; mqttUrl: string }> {
  let broker = createEmbeddedBroker({ port: BROKER_PORT, logger });
  let port: number;
  try {
    port = await broker.start();
  } catch (error) {
    if (!isFault(error) || error.code !== "port-in-use") throw error;
    // Another broker has the usual port; any other one serves as well here.
    await broker.close();
    broker = createEmbeddedBroker({ port: 0, logger });
    port = await broker.start();
  }
  teardown.add("broker", () => broker.close());
  return { broker, mqttUrl: `mqtt://127.0.0.1:${port}` };
}

async function startCloud(options: DemoSystemOptions, mqttUrl: string, teardown: Teardown): Promise<string> {
  options.onProgress("正在启动参考云端… / starting the reference cloud…");
  const data = join(options.dataFolder, "..", "cloud");
  const flags = ["--mqtt", mqttUrl, "--http", String(options.cloudPort), "--data", data, "--demo-roster"];
  // Its input is this process: when that dies, however, the cloud gives its port back.
  flags.push("--until-input-ends");
  const child = spawn(
    process.execPath,
    [...process.execArgv, CLOUD_PROGRAM, ...flags, "--log-level", "error"],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  teardown.add("reference cloud", () => stopChild(child));
  const url = await cloudAddress(child);
  // What it says later is not for this terminal; unread, the pipe would fill and stop it.
  child.stdout?.resume();
  child.stderr?.resume();
  return url;
}

async function cloudAddress(child: ChildProcess): Promise<string> {
  if (child.stdout === null || child.stderr === null) throw new Error("the cloud's output is piped");
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(0, 2000);
  });
  const lines = createInterface({ input: child.stdout });
  const late = new SystemClock().after(CLOUD_START_MS_MAX, () => lines.close());
  try {
    for await (const line of lines) {
      const url = /https?:\/\/\S+/.exec(line)?.[0];
      if (url !== undefined) return url;
    }
  } finally {
    late.cancel();
    lines.close();
  }
  throw new CanteenError(`the reference cloud did not start: ${complaint.trim()}`, {
    code: "cloud-not-started",
    retry: "after-operator",
    hint: {
      zh: "参考云端没有启动：8081 端口可能已被占用，请关闭占用它的程序，或用 --cloud-port 换一个端口",
      en: "The reference cloud did not start: port 8081 may be taken; stop that program or give --cloud-port",
    },
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const late = new SystemClock().after(CLOUD_STOP_MS_MAX, () => child.kill("SIGKILL"));
  await exited;
  late.cancel();
}

async function addDemoOperators({ store: { operators } }: Terminal): Promise<void> {
  const known = new Set(operators.list().map(({ operatorId }) => operatorId));
  if (!known.has(DEMO_OPERATOR.operatorId))
    await operators.add({ ...DEMO_OPERATOR, displayName: "演示管理员", role: "manager" });
  const { operatorId, pin } = DEMO_KEEPER;
  if (!known.has(operatorId))
    await operators.add({ operatorId, pin, displayName: "厨师/仓管", role: "keeper" });
}

/** With a webcam the goods are photographed by it; the sample people's pictures show no goods. */
function benchConfig({ config }: DemoBench, { cameraFolder }: DemoSystemOptions): DemoBench["config"] {
  return cameraFolder === null ? { ...config, goodsFolder: null } : config;
}

/** The roster comes from the cloud: without it there is nobody yet to be linked to. */
function linkDemoKeeper({ store: { operators, roster } }: Terminal): void {
  const { operatorId, staffNumber } = DEMO_KEEPER;
  const person = roster.personByNumber(staffNumber);
  if (person?.kind === "staff") operators.link({ operatorId, personId: person.personId });
}

/** Through the same enrolment as at the counter; whoever has templates already is left as they are. */
async function enrolSamplePeople(terminal: Terminal, options: DemoSystemOptions): Promise<void> {
  if (!existsSync(options.peopleFolder)) return;
  await rosterArrived(terminal);
  const numbers = readdirSync(options.peopleFolder).toSorted();
  for (const [index, number] of numbers.entries()) {
    const person = terminal.store.roster.personByNumber(number);
    if (person === undefined || terminal.store.templateCount(person.personId) > 0) continue;
    options.onProgress(`正在登记示例人脸 / enrolling sample people: ${index + 1}/${numbers.length}`);
    await enrolOne(terminal, person.personId, join(options.peopleFolder, number));
  }
  await terminal.engine.gallery().settled();
}

async function enrolOne({ enrolment }: Terminal, personId: string, folder: string): Promise<void> {
  const begun = enrolment.begin({ personId, operatorId: DEMO_OPERATOR.operatorId });
  if (begun === undefined) return;
  for (const photo of readdirSync(folder).toSorted()) {
    await enrolment.addShot(begun.sessionId, new Uint8Array(readFileSync(join(folder, photo))));
  }
  await enrolment.complete({ sessionId: begun.sessionId, consent: null, duplicateConfirmed: false });
}

async function rosterArrived({ store }: Terminal): Promise<void> {
  const clock = new SystemClock();
  const endMono = clock.mono() + ROSTER_WAIT_MS_MAX;
  while (store.roster.counts().people === 0 && clock.mono() < endMono) await clock.delay(LOOK_PERIOD_MS);
}

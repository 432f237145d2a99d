import { mkdirSync } from "node:fs";
import type { Database } from "better-sqlite3";
import { type Command, Option } from "commander";
import type { Config } from "../config/schema.ts";
import { openDatabase } from "../journal/database.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { openOperators } from "../security/operators.ts";
import type { OperatorRole, OperatorSigners, Operators } from "../security/operators-port.ts";
import { createPinHasher } from "../security/pin-hash.ts";
import { databaseFile, TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../terminal-database.ts";
import { type CommandContext, type JsonOption, withJsonOption } from "./command-context.ts";
import { readPin } from "./read-pin.ts";
import { type ConfigOption, whichConfig, withConfigOption } from "./which-config.ts";

interface AddOptions extends ConfigOption, JsonOption {
  readonly id: string;
  readonly name: string;
  readonly role: OperatorRole;
  readonly person?: string;
}

interface LinkOptions extends ConfigOption, JsonOption {
  readonly id: string;
  readonly person?: string;
}

/** An open database with its operators. */
interface OpenOperators {
  readonly db: Database;
  readonly operators: Operators & OperatorSigners;
}

const ROLES: readonly OperatorRole[] = ["cashier", "keeper", "manager"];

export function addOperatorCommand(program: Command, context: CommandContext): void {
  const operator = program.command("operator").description("操作员 / people who run the terminal");
  withJsonOption(
    withConfigOption(
      operator
        .command("add")
        .description(
          "添加操作员；密码从键盘或标准输入读取，终端运行时也可用 / add one; the PIN is read from the keyboard or standard input; also beside a running terminal",
        )
        .requiredOption("--id <id>", "编号，小写字母、数字和短横 / small letters, digits, dashes")
        .requiredOption("--name <name>", "姓名 / name to show")
        .addOption(new Option("--role <role>", "角色 / role").choices(ROLES).default("cashier"))
        .option("--person <number>", PERSON_TEXT),
    ),
  ).action((options: AddOptions) => add(options, context));
  withJsonOption(
    withConfigOption(
      operator
        .command("link")
        .description(
          "操作员是名册中的哪位教职工；不写 --person 则取消 / which member of staff an operator is; without --person nobody",
        )
        .requiredOption("--id <id>", "操作员编号 / the operator")
        .option("--person <number>", PERSON_TEXT),
    ),
  ).action((options: LinkOptions) => link(options, context));
}

const PERSON_TEXT =
  "工号；此人登记人脸后可刷脸签字 / number of a member of staff, whose face then signs for the operator";

async function add(options: AddOptions, context: CommandContext): Promise<void> {
  const { config } = whichConfig(options, context.io.folder);
  const pin = await readPin(context.io);
  const added = await withOperators(config, async ({ db, operators }) => {
    const { id: operatorId, name: displayName, role } = options;
    const personId = options.person === undefined ? null : staffPersonId(db, options.person);
    const operator = await operators.add({ operatorId, displayName, role, pin });
    if (personId === null) return operator;
    operators.link({ operatorId, personId });
    return { ...operator, personId };
  });
  if (options.json === true) await context.json(added);
  else await context.line(`✓ 已添加 / added: ${added.operatorId} (${added.role})`);
}

async function link(
  { id: operatorId, person, ...options }: LinkOptions,
  context: CommandContext,
): Promise<void> {
  const { config } = whichConfig(options, context.io.folder);
  const linked = await withOperators(config, async ({ db, operators }) => {
    const personId = person === undefined ? null : staffPersonId(db, person);
    operators.link({ operatorId, personId });
    return { operatorId, personId };
  });
  if (options.json === true) await context.json(linked);
  else if (person === undefined) await context.line(`✓ 已取消关联 / linked to nobody: ${operatorId}`);
  else await context.line(`✓ 已关联 / linked: ${operatorId} = ${person}`);
}

/** @throws CanteenError `staff-unknown`. */
function staffPersonId(db: Database, number: string): string {
  const personId = db
    .prepare<[string], string>(
      "SELECT person_id FROM person WHERE number = ? AND kind = 'staff' AND active = 1",
    )
    .pluck()
    .get(number);
  if (personId !== undefined) return personId;
  throw new CanteenError("no member of staff has this number", {
    code: "staff-unknown",
    retry: "after-operator",
    hint: {
      zh: "名册里没有此工号的教职工；名册由云端下发，请先连上云端。",
      en: "No member of staff has this number; the roster comes from the cloud, so connect it first.",
    },
  });
}

/** SQLite lets this process and the terminal write in turn; the journal reads its head anew for each entry. */
async function withOperators<T>(config: Config, work: (open: OpenOperators) => Promise<T>): Promise<T> {
  const clock = new SystemClock();
  mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 });
  const db = openDatabase({ file: databaseFile(config.dataFolder), clock, migrations: TERMINAL_MIGRATIONS });
  try {
    // A command has compared its clock with nobody.
    const timeTrust = { current: () => "unknown" as const };
    const journal = openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS });
    const { pinAttemptsMax, pinLockMs, sessionIdleMsMax } = config.security;
    const operators = openOperators({
      db,
      journal,
      clock,
      ids: idSource(clock, systemEntropy),
      entropy: systemEntropy,
      hasher: createPinHasher({ entropy: systemEntropy }),
      limits: { attemptsMax: pinAttemptsMax, lockMs: pinLockMs, sessionIdleMsMax },
    });
    return await work({ db, operators });
  } finally {
    db.close();
  }
}

import { mkdirSync } from "node:fs";
import { type Command, Option } from "commander";
import type { Config } from "../config/schema.ts";
import { openDatabase } from "../journal/database.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../platform/entropy.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { openOperators } from "../security/operators.ts";
import type { OperatorRole, Operators } from "../security/operators-port.ts";
import { createPinHasher } from "../security/pin-hash.ts";
import { databaseFile, TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../terminal-database.ts";
import { type CommandContext, type JsonOption, withJsonOption } from "./command-context.ts";
import { readPin } from "./read-pin.ts";
import { type ConfigOption, whichConfig, withConfigOption } from "./which-config.ts";

interface AddOptions extends ConfigOption, JsonOption {
  readonly id: string;
  readonly name: string;
  readonly role: OperatorRole;
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
        .addOption(new Option("--role <role>", "角色 / role").choices(ROLES).default("cashier")),
    ),
  ).action((options: AddOptions) => add(options, context));
}

async function add(options: AddOptions, context: CommandContext): Promise<void> {
  const { config } = whichConfig(options, context.io.folder);
  const pin = await readPin(context.io);
  const added = await withOperators(config, (operators) =>
    operators.add({ operatorId: options.id, displayName: options.name, role: options.role, pin }),
  );
  if (options.json === true) await context.json(added);
  else await context.line(`✓ 已添加 / added: ${added.operatorId} (${added.role})`);
}

/** SQLite lets this process and the terminal write in turn; the journal reads its head anew for each entry. */
async function withOperators<T>(config: Config, work: (operators: Operators) => Promise<T>): Promise<T> {
  const clock = new SystemClock();
  mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 });
  const db = openDatabase({ file: databaseFile(config.dataFolder), clock, migrations: TERMINAL_MIGRATIONS });
  try {
    // A command has compared its clock with nobody.
    const timeTrust = { current: () => "unknown" as const };
    const journal = openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS });
    const { pinAttemptsMax, pinLockMs, sessionIdleMsMax } = config.security;
    return await work(
      openOperators({
        db,
        journal,
        clock,
        ids: idSource(clock, systemEntropy),
        entropy: systemEntropy,
        hasher: createPinHasher({ entropy: systemEntropy }),
        limits: { attemptsMax: pinAttemptsMax, lockMs: pinLockMs, sessionIdleMsMax },
      }),
    );
  } finally {
    db.close();
  }
}

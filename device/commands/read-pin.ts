import type { CommandIo } from "./command-context.ts";
import { usageError } from "./command-context.ts";

/** A PIN is a dozen digits; whatever is longer is not one. */
const LINE_BYTES_MAX = 256;
const ENTER = /[\r\n]/;
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const BACKSPACE = /[\b\u007f]/;

/**
 * Reads a PIN without it ever being an argument, where `ps` and the shell's history would keep it: from the keyboard
 * without echo and twice, or the first line of standard input when that is no terminal.
 * @throws CanteenError `usage` when both differ, when none came, or when Ctrl-C was pressed.
 */
export async function readPin(io: CommandIo): Promise<string> {
  if (io.stdin.isTTY !== true) return firstLine(io);
  const first = await ask(io, "密码 / PIN: ");
  const second = await ask(io, "再次输入 / again: ");
  if (first !== second) throw usageError("两次输入的密码不一致", "the two PINs differ");
  return first;
}

async function firstLine(io: CommandIo): Promise<string> {
  let text = "";
  for await (const chunk of io.stdin) {
    text += String(chunk);
    if (ENTER.test(text) || text.length > LINE_BYTES_MAX) break;
  }
  return checked(text.split(ENTER)[0] ?? "");
}

/** One line from the keyboard in raw mode: the terminal itself then shows nothing. */
async function ask(io: CommandIo, prompt: string): Promise<string> {
  // First silence, then the question: what is typed in between would be shown.
  io.stdin.setRawMode?.(true);
  io.stderr.write(prompt);
  try {
    return checked(await typedLine(io));
  } finally {
    io.stdin.setRawMode?.(false);
    io.stderr.write("\n");
  }
}

function typedLine(io: CommandIo): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const stop = (end: () => void): void => {
      io.stdin.off("data", onData);
      io.stdin.off("end", onEnd);
      io.stdin.pause();
      end();
    };
    const onEnd = (): void => stop(() => resolve(text));
    const onData = (chunk: unknown): void => {
      for (const key of String(chunk)) {
        if (key === CTRL_C) {
          stop(() => reject(usageError("已取消", "cancelled")));
          return;
        }
        if (ENTER.test(key) || key === CTRL_D || text.length > LINE_BYTES_MAX) {
          stop(() => resolve(text));
          return;
        }
        text = BACKSPACE.test(key) ? text.slice(0, -1) : text + key;
      }
    };
    io.stdin.on("data", onData).once("end", onEnd).resume();
  });
}

function checked(pin: string): string {
  if (pin === "") throw usageError("没有输入密码", "no PIN was given");
  return pin;
}

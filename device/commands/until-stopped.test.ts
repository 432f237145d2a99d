import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";

const MODULES = {
  untilStopped: new URL("./until-stopped.ts", import.meta.url).href,
  context: new URL("./command-context.ts", import.meta.url).href,
};

/** A process that runs a terminal of nothing: it says on standard error what was done to it. */
function runTerminal(
  options: { readonly json?: boolean; readonly start?: string; readonly close?: string } = {},
): ChildProcess {
  const code = `
    import { untilStopped } from ${JSON.stringify(MODULES.untilStopped)};
    import { CommandRun } from ${JSON.stringify(MODULES.context)};
    const { stdin, stdout, stderr } = process;
    stdout.on("error", () => {});
    const idle = setInterval(() => {}, 1000);
    const terminal = {
      urls: [{ label: { zh: "终端", en: "Terminal" }, url: "http://127.0.0.1:1" }],
      notes: [],
      close: async () => { ${options.close ?? ""}; stderr.write("closed\\n"); clearInterval(idle); },
    };
    const start = async () => { ${options.start ?? ""}; return terminal; };
    await untilStopped(start, { json: ${options.json ?? false} }, new CommandRun({ stdin, stdout, stderr, folder: "/" }));
    stderr.write("ended\\n");`;
  return spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "pipe"] });
}

function kept(stream: NodeJS.ReadableStream | null): { text: string } {
  const all = { text: "" };
  stream?.on("data", (chunk: Buffer) => {
    all.text += chunk.toString();
  });
  return all;
}

async function firstOutput(child: ChildProcess): Promise<void> {
  if (child.stdout !== null) await once(child.stdout, "data");
}

describe("a running terminal", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "closes in order on %s, also when it comes twice",
    async (signal) => {
      // Its own second signal comes while it closes, however late this process would have sent it.
      const again = `process.kill(process.pid, "${signal}"); await new Promise((seen) => process.once("${signal}", seen))`;
      const child = runTerminal({ close: again });
      const said = kept(child.stderr);
      await firstOutput(child);
      child.kill(signal);
      expect(await once(child, "close")).toEqual([0, null]);
      expect(said.text).toBe("closed\nended\n");
    },
  );

  it("says as JSON lines where it is and that it has stopped", async () => {
    const child = runTerminal({ json: true });
    const said = kept(child.stdout);
    await firstOutput(child);
    child.kill("SIGTERM");
    await once(child, "close");
    expect(
      said.text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).event),
    ).toEqual(["started", "stopped"]);
  });

  it("closes in order when nobody reads what it says any more", async () => {
    const child = runTerminal();
    const said = kept(child.stderr);
    await firstOutput(child);
    child.stdout?.destroy();
    child.kill("SIGTERM");
    await once(child, "close");
    expect(said.text).toBe("closed\nended\n");
  });

  it("that is stopped while it starts closes as soon as it is up", async () => {
    const child = runTerminal({
      start: 'process.kill(process.pid, "SIGTERM"); await new Promise(setImmediate)',
    });
    const said = kept(child.stderr);
    expect(await once(child, "close")).toEqual([0, null]);
    expect(said.text).toBe("closed\nended\n");
  });
});

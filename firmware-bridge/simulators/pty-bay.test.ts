import { describe, expect, it } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import { PtyHost } from "./pty-bay.ts";

describe.runIf(hasTool("python3"))("the host of the ptys", () => {
  it("rejects what waits for it when it is killed, and what is asked of it afterwards, and stops all the same", async () => {
    const host = await PtyHost.start();
    const plugged = host.bay();
    await plugged.plug();
    // Stopped, so that it cannot have answered.
    process.kill(host.pid, "SIGSTOP");
    const waiting = [plugged.unplug(), host.bay().plug()].map((asked) =>
      asked.catch((error: Error) => error.message),
    );
    process.kill(host.pid, "SIGKILL");
    const said = "the host of the ptys (python3) has ended: SIGKILL";
    expect(await Promise.all(waiting)).toEqual([said, said]);
    await expect(host.bay().plug()).rejects.toThrow(said);
    await plugged.close();
    await host.stop();
  });
});

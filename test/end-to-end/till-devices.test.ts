import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PtyHost } from "../../firmware-bridge/simulators/pty-bay.ts";
import { hasTool } from "../require-tool.ts";
import { PayPage } from "./counter.ts";
import { openSchool, until } from "./school.ts";

const hasPython = hasTool("python3");
let host: PtyHost | undefined;
beforeAll(async () => {
  if (hasPython) host = await PtyHost.start();
});
afterAll(() => host?.stop());

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

describe.runIf(hasPython)("a reader and a scanner on serial lines", () => {
  it("pay at the till like a card at the page, come back after a replug, and leave no card number in the log", async () => {
    if (host === undefined) throw new Error("no pty host");
    const [reader, scanner] = [host.bay(), host.bay()];
    await reader.plug();
    await scanner.plug();
    const school = await openSchool();
    const terminal = await school.startTerminal({
      activation: "touch",
      adjust: (config) => ({
        ...config,
        devices: [
          {
            kind: "card-reader",
            id: "till-cards",
            port: reader.address,
            protocol: "rfid-em4100",
            options: {},
          },
          {
            kind: "scanner",
            id: "till-scanner",
            port: scanner.address,
            protocol: "scanner-serial",
            options: {},
            use: "till",
          },
        ],
      }),
    });
    const openedCount = (): number =>
      school.logLines.filter((line) => /"device":"till-scanner","state":"live"/.test(line)).length;
    await until("the scanner is open", () => openedCount() === 1 || null);
    await until(
      "the reader is open",
      () => school.logLines.some((line) => /"device":"till-cards","state":"live"/.test(line)) || null,
    );
    const page = await PayPage.open(terminal);
    const refused = page.next("refused");
    reader.socket.send(latin1("\x0201000734E0D2\x03"));
    await refused;

    await until("the screen is free", () => page.views.at(-1)?.kind === "idle" || null);
    await scanner.unplug();
    await scanner.plug();
    await until("the scanner is back", () => openedCount() === 2 || null);
    const paid = page.next("paid");
    scanner.socket.send(latin1("C1003\r\n"));
    expect((await paid).receipt).toMatchObject({ personId: "p-1003", method: "card" });
    expect(school.logLines.join("\n")).not.toMatch(/01000734E0|C1003/);
  });
});

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { PtyHost } from "../../firmware-bridge/simulators/pty-bay.ts";
import { tcpBay } from "../../firmware-bridge/simulators/tcp-bay.ts";
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
    await until("the scanner is open", () => openedCount() >= 1 || null);
    await until(
      "the reader is open",
      () => school.logLines.some((line) => /"device":"till-cards","state":"live"/.test(line)) || null,
    );
    const page = await PayPage.open(terminal);
    const refused = page.next("refused");
    reader.socket.send(latin1("\x0201000734E0D2\x03"));
    await refused;

    await until("the screen is free", () => page.views.at(-1)?.kind === "idle" || null);
    const openedBefore = openedCount();
    await scanner.unplug();
    await scanner.plug();
    await until("the scanner is back", () => openedCount() > openedBefore || null);
    const paid = page.next("paid");
    scanner.socket.send(latin1("C1003\r\n"));
    expect((await paid).receipt).toMatchObject({ personId: "p-1003", method: "card" });
    expect(school.logLines.join("\n")).not.toMatch(/01000734E0|C1003/);
  });
});

/** `02`, ten hex digits, their XOR, `03`: an RDM6300 with card 01000734E0 held to it. */
const HELD_CARD = "\x0201000734E0D2\x03";

describe("a card reader behind a serial gateway", () => {
  it("pays for the person whose card it is: once for a card held long, and with an entry of the journal", async () => {
    const bay = await tcpBay();
    onTestFinished(() => bay.close());
    await bay.plug();
    const school = await openSchool();
    const person = school.cloud.ledger.all().find(({ number }) => number === "1003");
    if (person === undefined) throw new Error("1003 is on the roster");
    const { balanceFen: _balanceFen, ...record } = person;
    school.cloud.ledger.put({ ...record, cards: ["01000734E0"] });
    const terminal = await school.startTerminal({
      activation: "touch",
      adjust: (config) => ({
        ...config,
        devices: [
          { kind: "card-reader", id: "till-cards", port: bay.address, protocol: "rfid-em4100", options: {} },
        ],
      }),
    });
    await until(
      "the reader is open",
      () => school.logLines.some((line) => /"device":"till-cards","state":"live"/.test(line)) || null,
    );
    await bay.joined?.();
    const page = await PayPage.open(terminal);
    const paid = page.next("paid");
    // In two pieces, and again and again as long as the card is held.
    bay.socket.send(latin1(HELD_CARD.slice(0, 5)));
    bay.socket.send(latin1(HELD_CARD.slice(5) + HELD_CARD + HELD_CARD));
    expect((await paid).receipt).toMatchObject({ personId: "p-1003", method: "card" });
    await until("the screen is free", () => page.views.at(-1)?.kind === "idle" || null);
    expect(terminal.servingLine.recentCharges(10)).toHaveLength(1);
    const { journal } = terminal.store;
    const charges = journal
      .readAfter(0, { countMax: 1000, bytesMax: 10_000_000 })
      .filter(({ kind }) => kind === "charge.made");
    expect(charges).toHaveLength(1);
    expect(charges[0]?.body).toMatchObject({ personId: "p-1003", method: "card" });
    expect([...school.logLines, JSON.stringify(charges)].join("\n")).not.toContain("01000734E0");
  });
});

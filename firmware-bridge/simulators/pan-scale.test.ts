import { describe, expect, it } from "vitest";
import { PanScale } from "./pan-scale.ts";

const NEVER = { cancel: () => {} };

/** The demo's scale: asked in bytes, as the driver does. */
function onTheTable() {
  let nowMs = 0;
  let listen: (bytes: Uint8Array) => void = () => {};
  let said = "";
  const scale = new PanScale({
    socket: {
      send: (bytes) => {
        said += Buffer.from(bytes).toString("latin1");
      },
      onReceived: (listener) => {
        listen = listener;
        return () => {
          listen = () => {};
        };
      },
    },
    clock: { mono: () => nowMs, after: () => NEVER },
    gramsMax: 60_000,
    divisionG: 10,
  });
  return {
    scale,
    wait: (ms: number) => {
      nowMs += ms;
    },
    send: (text: string) => listen(Buffer.from(text, "latin1")),
    ask(command: string): string {
      said = "";
      listen(Buffer.from(`${command}\r\n`, "latin1"));
      return said;
    },
    said: () => said,
  };
}

describe("scale with a pan", () => {
  it("swings to a new load and then stands on it, in whole divisions", () => {
    const { scale, wait, ask } = onTheTable();
    wait(1000);
    expect(ask("SI")).toBe("S S      0.000 kg\r\n");
    scale.put(25_040);
    wait(350);
    expect(ask("SI")).toBe("S D     12.520 kg\r\n");
    wait(350);
    expect(ask("SI")).toBe("S S     25.040 kg\r\n");
    scale.put(25_044);
    wait(1000);
    expect(ask("SI")).toBe("S S     25.040 kg\r\n");
  });

  it("says overload above its maximum, and never stands still while it is shaken", () => {
    const { scale, wait, ask } = onTheTable();
    scale.put(60_010);
    wait(1000);
    expect(ask("SI")).toBe("S +\r\n");
    scale.put(5000);
    scale.shake(true);
    const answers = Array.from({ length: 20 }, () => {
      wait(100);
      return ask("SI");
    });
    expect(answers.filter((answer) => answer.startsWith("S S"))).toEqual([]);
    expect(new Set(answers).size).toBeGreaterThan(5);
    scale.shake(false);
    wait(1000);
    expect(ask("SI")).toBe("S S      5.000 kg\r\n");
  });

  it("tares only what stands still, shows less than nothing without its container, and forgets the tare", () => {
    const { scale, wait, ask } = onTheTable();
    scale.put(1850);
    wait(100);
    expect(ask("T")).toBe("T I\r\n");
    wait(700);
    expect(ask("T")).toBe("T S      1.850 kg\r\n");
    expect(ask("SI")).toBe("S S      0.000 kg\r\n");
    scale.put(0);
    wait(800);
    expect(ask("SI")).toBe("S S     -1.850 kg\r\n");
    expect(ask("TAC")).toBe("TAC A\r\n");
    expect(ask("SI")).toBe("S S      0.000 kg\r\n");
  });

  it("sets zero only near zero", () => {
    const { scale, wait, ask } = onTheTable();
    scale.put(1200);
    wait(800);
    expect(ask("Z")).toBe("Z A\r\n");
    expect(ask("SI")).toBe("S S      0.000 kg\r\n");
    scale.put(1210);
    wait(800);
    expect(ask("Z")).toBe("Z I\r\n");
    expect(ask("SI")).toBe("S S      0.010 kg\r\n");
  });

  it("answers commands however they are cut, and says that it does not know one", () => {
    const { wait, ask, send, said } = onTheTable();
    wait(1000);
    expect(ask("WHO")).toBe("ES\r\n");
    ask("S");
    send("S");
    send("I\r");
    expect(said()).toBe("ES\r\n");
    send("\nSI\r\n");
    expect(said()).toBe(`ES\r\n${"S S      0.000 kg\r\n".repeat(2)}`);
  });

  it("is silent once it is stopped", () => {
    const { scale, ask } = onTheTable();
    scale.stop();
    expect(ask("SI")).toBe("");
  });
});

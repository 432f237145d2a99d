import { describe, expect, it } from "vitest";
import type { Connection, ConnectionEvents, Transport } from "../ports/transport.ts";
import { withModbusCrc } from "../protocol/modbus-rtu/modbus-frame.ts";
import { type ModbusAnswer, ModbusBus } from "./modbus-bus.ts";

/** Timers run in their order when the test moves the time. */
class ManualClock {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly task: () => void }[] = [];
  mono(): number {
    return this.nowMs;
  }
  after(waitMs: number, task: () => void): { cancel(): void } {
    const timer = { atMs: this.nowMs + waitMs, task };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await turn();
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.nowMs = due.atMs;
      due.task();
      await turn();
    }
    this.nowMs = endMs;
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A line whose questions the test sees, and on which it answers by hand. */
async function busOf() {
  const clock = new ManualClock();
  const asked: { readonly unit: number; readonly address: number; readonly atMs: number }[] = [];
  let events: ConnectionEvents | undefined;
  const transport: Transport = {
    label: "by hand",
    open: async (of): Promise<Connection> => {
      events = of;
      return {
        write: async (bytes) => {
          const [unit = 0, , high = 0, low = 0] = bytes;
          asked.push({ unit, address: high * 256 + low, atMs: clock.nowMs });
        },
        close: async () => of.closed(undefined),
      };
    },
  };
  const bus = new ModbusBus({ transport, clock, entropy: { uniform: () => 0 }, replyWaitMsMax: 500 });
  bus.open({ signal: new AbortController().signal });
  await clock.advance(1);
  const answers: string[] = [];
  const ask = (unit: number, address: number): void => {
    const told = (answer: ModbusAnswer): void => {
      const value = answer.kind === "answered" ? ` ${answer.message.registers?.[0]}` : "";
      answers.push(`${unit}/${address} ${answer.kind}${value} at ${clock.nowMs - 1}`);
    };
    void bus.ask({ unit, functionCode: 3, address, quantity: 1 }).then(told);
  };
  const answer = async (unit: number, value: number): Promise<void> => {
    events?.data(Uint8Array.from(withModbusCrc([unit, 3, 2, value >> 8, value & 0xff])));
    await clock.advance(0);
  };
  return { clock, asked, answers, ask, answer, close: () => bus.close() };
}

describe("a Modbus line", () => {
  it("never takes a late answer of one probe for its neighbour's of the same unit", async () => {
    const { clock, asked, answers, ask, answer, close } = await busOf();
    ask(1, 10);
    ask(1, 20);
    await clock.advance(600);
    // To the first try; the second was asked at 500.
    await answer(1, 40);
    await clock.advance(400);
    // To the second try. With the next question on the line it would have counted for register 20.
    await answer(1, 40);
    await clock.advance(200);
    expect(asked.map(({ address, atMs }) => [address, atMs - 1])).toEqual([
      [10, 0],
      [10, 500],
      [20, 1100],
    ]);
    await answer(1, 55);
    expect(answers).toEqual(["1/10 answered 40 at 600", "1/20 answered 55 at 1200"]);
    await close();
  });

  it("asks the others meanwhile, also one that comes while nobody else waits", async () => {
    const { clock, asked, answers, ask, answer, close } = await busOf();
    ask(1, 10);
    ask(1, 20);
    ask(2, 30);
    await clock.advance(1000);
    await clock.advance(20);
    await answer(2, 7);
    await clock.advance(100);
    ask(3, 40);
    await clock.advance(0);
    expect(asked.map(({ unit, address, atMs }) => [unit, address, atMs - 1])).toEqual([
      [1, 10, 0],
      [1, 10, 500],
      [2, 30, 1020],
      [3, 40, 1120],
    ]);
    await answer(3, 8);
    await clock.advance(1000);
    expect(asked.at(-2)).toMatchObject({ unit: 1, address: 20, atMs: 1501 });
    expect(answers.slice(0, 3)).toEqual([
      "1/10 silent at 1000",
      "2/30 answered 7 at 1020",
      "3/40 answered 8 at 1120",
    ]);
    await close();
  });
});

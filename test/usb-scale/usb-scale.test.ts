import { describe, expect, it } from "vitest";
import type { Holdings } from "../hardware/line-watch.ts";
import { hasTool } from "../require-tool.ts";
import { UsbStage } from "./usb-stage.ts";

/** In every run; CANTEEN_REPLUGS=1000 goes on longer. More than the 20 after which the program first counts. */
const REPLUGS = Number(process.env["CANTEEN_REPLUGS"] ?? 30);
/** A kilobyte for each replug would be a leak; the collector's own noise over the whole run is less than this. */
const HEAP_GROWTH_BYTES_MAX = 2 * 1024 * 1024;

function holdingsIn(line: string): Holdings {
  const event: { readonly holdings: Holdings } = JSON.parse(line);
  return event.holdings;
}

describe.skipIf(!hasTool("umockdev-wrapper"))("a USB HID scale", () => {
  it("is read, and read again after the cable was pulled and put back", async () => {
    const stage = new UsbStage("./usb-scale-program.ts");
    try {
      await stage.until('"value":"100.0"');
      stage.order("unplug");
      await stage.until('"code":"port-lost"');
      stage.order("remove");
      await stage.until('"code":"port-missing"');
      stage.order("weight 2000");
      stage.order("plug");
      await stage.until('"value":"200.0","unit":"g","stable":true');
      // Reports of another id hold these bytes; they came all the while.
      expect(stage.said('"value":"999.9"')).toEqual([]);
    } finally {
      await stage.stop();
    }
  });

  it("is identified by listening once, and nothing is sent to it", async () => {
    const stage = new UsbStage(
      "../../device/canteen-edge.mjs",
      ...["serial", "identify", "--port", "usb:0922:8003", "--json", "--listen-ms", "4000"],
    );
    try {
      const answer: { readonly found: readonly object[] } = JSON.parse(await stage.until('"found"'));
      expect(answer.found).toMatchObject([
        { protocol: "usb-hid-scale", settings: null, sample: { value: "100.0" }, invalid: 0 },
      ]);
      expect(stage.said('"written"')).toEqual([]);
    } finally {
      await stage.stop();
    }
  });

  it("is written in the configuration without serial settings", async () => {
    const stage = new UsbStage(
      "../../device/canteen-edge.mjs",
      ...["serial", "identify", "--port", "usb:0922:8003", "--listen-ms", "4000"],
    );
    try {
      await stage.until('port: "usb:0922:8003"');
      await stage.until("protocol: usb-hid-scale");
      expect(stage.said("serial: {")).toEqual([]);
    } finally {
      await stage.stop();
    }
  });

  it(`survives ${REPLUGS} replugs: no old weight, nothing left over, no unhandled rejection`, {
    timeout: 600_000,
  }, async () => {
    const stage = new UsbStage("./usb-replug-program.ts", String(REPLUGS));
    try {
      for (let turn = 0; turn < REPLUGS; turn++) {
        await stage.until(`{"weight":${1000 + turn},`);
        if (turn === REPLUGS - 1) break;
        stage.order("unplug");
        await stage.until('"code":"port-lost"');
        stage.order("remove");
        await stage.until('"host": "removed"');
        stage.order(`weight ${1001 + turn}`);
        stage.order("plug");
      }
      const weights = stage.said('"weight"').map((line) => JSON.parse(line).weight);
      expect(weights).toEqual(Array.from({ length: REPLUGS }, (_, turn) => 1000 + turn));
      const [early, late] = stage.said('"holdings"').map(holdingsIn);
      if (early === undefined || late === undefined)
        throw new Error("the program did not count what it holds");
      expect(late.fileDescriptors).toBeLessThanOrEqual(early.fileDescriptors + 1);
      expect(late.timersAndHandles).toBeLessThanOrEqual(early.timersAndHandles + 2);
      expect(late.heapBytes - early.heapBytes).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
    } finally {
      await stage.stop();
    }
  });
});

import { describe, expect, it } from "vitest";
import type { FaceEngine } from "./face-engine-port.ts";
import { RestartingEngine } from "./restarting-engine.ts";

const crash = Object.assign(new Error("worker gone"), { code: "engine-crashed" });

/** An engine that answers its serial number as the gallery size, until it is told to crash. */
function fakeEngine(serial: number, crashed: () => boolean): FaceEngine {
  const never = () => Promise.reject(new Error("not used here"));
  return {
    model: "m1",
    embeddingLength: 2,
    sideModels: [],
    observe: never,
    detect: () => Promise.reject(new Error("no detect")),
    analyze: never,
    search: never,
    loadGallery: never,
    replacePerson: never,
    setExpected: async () => {},
    takeEmbedding: never,
    gallerySize: () =>
      crashed() ? Promise.reject(crash) : Promise.resolve({ people: serial, templates: 0 }),
    close: async () => {},
  };
}

describe("RestartingEngine", () => {
  it("rejects while the worker is gone, then answers from a fresh and prepared engine", async () => {
    let serial = 0;
    let crashedSerial = 0;
    const prepared: FaceEngine[] = [];
    const states: string[] = [];
    let attemptMay: () => void = () => {};
    let failCreate = false;
    const engine = await RestartingEngine.start({
      create: async () => {
        if (failCreate) {
          failCreate = false;
          throw Object.assign(new Error("no memory"), { code: "weights-missing" });
        }
        serial += 1;
        const own = serial;
        return fakeEngine(own, () => crashedSerial >= own);
      },
      prepare: async (fresh) => void prepared.push(fresh),
      waitBeforeAttempt: () => new Promise((resolve) => (attemptMay = resolve)),
      onState: (state, code) => states.push(code === null ? state : `${state} ${code}`),
    });
    expect(await engine.gallerySize()).toMatchObject({ people: 1 });
    crashedSerial = 1;
    failCreate = true;
    await expect(engine.gallerySize()).rejects.toMatchObject({ code: "engine-crashed" });
    await expect(engine.gallerySize()).rejects.toMatchObject({ code: "engine-crashed" });
    await turns();
    attemptMay();
    await turns();
    attemptMay();
    await turns();
    expect(await engine.gallerySize()).toMatchObject({ people: 2 });
    expect(prepared.length).toBe(2);
    expect(states).toEqual(["running", "restarting engine-crashed", "restarting weights-missing", "running"]);
    await engine.close();
  });
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

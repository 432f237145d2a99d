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
    await engine.load();
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
    const crashed = ["restarting engine-crashed", "restarting weights-missing"];
    expect(states).toEqual(["loading", "running", ...crashed, "running"]);
    await engine.close();
  });

  it("searches for nobody before everybody is loaded, and tries again where that fails", async () => {
    const states: string[] = [];
    const outcomes = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const closed: number[] = [];
    let serial = 0;
    const engine = await RestartingEngine.start({
      create: async () => {
        const own = serial++;
        return {
          ...fakeEngine(own, () => false),
          search: async () => ({ best: null, runnerUp: null }),
          close: async () => void closed.push(own),
        };
      },
      prepare: () => outcomes[serial - 1]?.promise ?? Promise.reject(new Error("one too many")),
      waitBeforeAttempt: async () => {},
      onState: (state, code) => states.push(code === null ? state : `${state} ${code}`),
    });
    const loading = { code: "gallery-loading" };
    const search = () => engine.search(new Float32Array(2));
    const loaded = engine.load();
    await expect(search()).rejects.toMatchObject(loading);
    await expect(engine.observe({ bytes: new Uint8Array() })).rejects.toMatchObject(loading);
    await expect(engine.analyze({ bytes: new Uint8Array() })).rejects.toMatchObject(loading);
    outcomes[0]?.reject(Object.assign(new Error("disk"), { code: "disk-failed" }));
    await turns();
    await expect(search()).rejects.toMatchObject(loading);
    outcomes[1]?.resolve();
    await loaded;
    expect(await search()).toEqual({ best: null, runnerUp: null });
    expect([states, closed]).toEqual([["loading", "restarting disk-failed", "running"], [0]]);
    await engine.close();
  });

  it("closes in the middle of a load, and the load ends with the engine", async () => {
    const load = Promise.withResolvers<void>();
    const engine = await RestartingEngine.start({
      create: async () => ({
        ...fakeEngine(1, () => false),
        close: async () => load.reject(Object.assign(new Error("closed"), { code: "engine-closed" })),
      }),
      prepare: () => load.promise,
      waitBeforeAttempt: () => Promise.reject(new Error("nothing is tried again after a close")),
      onState: () => {},
    });
    const loaded = engine.load();
    await engine.close();
    await loaded;
    await expect(engine.search(new Float32Array(2))).rejects.toMatchObject({ code: "gallery-loading" });
  });
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

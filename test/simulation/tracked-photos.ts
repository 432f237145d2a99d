import type { TerminalStore } from "../../device/terminal-store.ts";
import type { SimulatedTime } from "./simulated-time.ts";

/** A photo's file is written and read by the machine's own threads: simulated time waits for them. */
export function withTrackedPhotos(store: TerminalStore, time: SimulatedTime): TerminalStore {
  const photos = new Proxy(store.photos, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...of: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, of);
        return result instanceof Promise ? time.track(result) : result;
      };
    },
  });
  return { ...store, photos };
}

import type { PhotoStore } from "../../device/photos/photo-port.ts";
import type { TerminalStore } from "../../device/terminal-store.ts";
import type { SimulatedTime } from "./simulated-time.ts";

/** A photo's file is written and read by the machine's own threads: simulated time waits for them. */
export function withTrackedPhotos(store: TerminalStore, time: SimulatedTime): TerminalStore {
  const { photos } = store;
  const tracked: PhotoStore = {
    put: (...of) => time.track(photos.put(...of)),
    read: (...of) => time.track(photos.read(...of)),
    free: (...of) => time.track(photos.free(...of)),
    tidy: () => time.track(photos.tidy()),
    claim: (hashes) => photos.claim(hashes),
    find: (sha256) => photos.find(sha256),
    nextToSend: () => photos.nextToSend(),
    confirm: (sha256) => photos.confirm(sha256),
    setAside: (...of) => photos.setAside(...of),
    usage: () => photos.usage(),
    onPending: (listener) => photos.onPending(listener),
  };
  return { ...store, photos: tracked };
}

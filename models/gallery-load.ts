/** Apart from the galleries, because the main thread joins loads too and must not load the search library for that. */

import type { GalleryLoad } from "./face-engine-port.ts";

export function joinedLoads(loads: readonly GalleryLoad[]): GalleryLoad {
  return {
    accepted: loads.reduce((sum, { accepted }) => sum + accepted, 0),
    refused: loads.flatMap(({ refused }) => refused),
  };
}

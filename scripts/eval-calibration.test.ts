import { describe, expect, it } from "vitest";
import { seededRandom } from "../models/calibration/calibrate-gallery.ts";
import { syntheticGallery } from "../models/calibration/synthetic-gallery.ts";
import { type EmbeddedSet, promisesKept, type SiblingProtocol, wholeGallery } from "./eval-calibration.ts";

const model = "frf512-mfn192-flip";

function inventedSet(): EmbeddedSet {
  const people = Map.groupBy(
    syntheticGallery({
      model,
      embeddingLength: 81,
      peopleCount: 400,
      templatesPerPerson: 2,
      twins: [[0, 399]],
      random: seededRandom(),
    }),
    ({ personId }) => personId,
  );
  const [...names] = people.keys();
  const photos = (name: string) => (people.get(name) ?? []).map(({ templateId }) => templateId);
  const enrolled = names.slice(0, 220);
  const protocol: SiblingProtocol = {
    gallery: Object.fromEntries(enrolled.map((name) => [name, photos(name)])),
    distractors: {},
    probes: [],
    single_shot_probes: [],
    impostors: names.slice(220, 399).flatMap(photos),
    siblings: [["p00000", "p00399"]],
  };
  const all = [...people.values()].flat();
  return {
    model,
    embeddingLength: 81,
    protocol,
    photosOf: new Map(names.map((name) => [name, photos(name)])),
    embeddings: new Map(all.map(({ templateId, embedding }) => [templateId, embedding])),
  };
}

describe("the calibration's promise", () => {
  it("is kept by invented people, and their twins are found", async () => {
    const set = inventedSet();
    const rows = await promisesKept(set, [
      [5, 4],
      [50, 3],
      [200, 1],
    ]);
    for (const { fpirMax, promised, measured } of rows) {
      expect(promised).toBeLessThanOrEqual(fpirMax);
      expect(measured).toBeLessThan(3 * fpirMax);
    }
    const { lookAlikes } = await wholeGallery(set);
    expect(lookAlikes[0]?.personIds).toEqual(["p00000", "p00399"]);
  });
});

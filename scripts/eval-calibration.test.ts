import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { artifactsForTests } from "../models/artifacts-for-tests.ts";
import { seededRandom } from "../models/calibration/calibrate-gallery.ts";
import { syntheticGallery } from "../models/calibration/synthetic-gallery.ts";
import {
  type EmbeddedSet,
  embedSet,
  enrolledPhotos,
  promisesKept,
  type SiblingProtocol,
  wholeGallery,
} from "./eval-calibration.ts";

/** Photos of real people for measuring only; the tests do without where it is not given. */
const realSet = process.env["CANTEEN_FACES"] ?? "";
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
  }, 120_000);

  it.skipIf(!existsSync(join(realSet, "protocol.json")))(
    "finds the siblings of a real set among others (CANTEEN_FACES=FOLDER, else skipped)",
    async () => {
      await artifactsForTests();
      const whole: SiblingProtocol = JSON.parse(readFileSync(join(realSet, "protocol.json"), "utf8"));
      const protocol = {
        ...whole,
        gallery: Object.fromEntries(Object.entries(whole.gallery).slice(0, 8)),
        distractors: Object.fromEntries(Object.entries(whole.distractors).slice(0, 16)),
        impostors: [],
      };
      const set = await embedSet(realSet, protocol, enrolledPhotos(realSet, protocol));
      const { lookAlikes } = await wholeGallery(set);
      const siblings = (whole.siblings ?? []).map((pair) => [...pair].sort());
      expect(lookAlikes.map(({ personIds }) => personIds)).toEqual(expect.arrayContaining(siblings));
    },
    120_000,
  );
});

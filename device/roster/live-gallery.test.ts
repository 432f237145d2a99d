import { describe, expect, it } from "vitest";
import type { GalleryTemplate } from "../../models/face-engine-port.ts";
import { silentLogger } from "../platform/logger.ts";
import { LiveGallery } from "./live-gallery.ts";
import type { StoredTemplate } from "./roster-port.ts";

type Change = { readonly personId: string; readonly templates: readonly StoredTemplate[] };

const stored = (personId: string, modelId = "m1"): StoredTemplate => ({
  templateId: `t-${personId}`,
  personId,
  modelId,
  embedding: Float32Array.of(1, 0),
});

function world(initial: StoredTemplate[], sides: StoredTemplate[] = []) {
  const people = new Map<string, readonly GalleryTemplate[]>();
  let listener: (change: Change) => void = () => {};
  let failNext = false;
  const progress: number[] = [];
  const gallery = new LiveGallery({
    logger: silentLogger,
    onProgress: ({ loadedCount, totalCount }) => progress.push(loadedCount, totalCount),
    engine: {
      model: "m1",
      sideModels: ["m0"],
      loadGallery: async (templates) => {
        if (failNext) {
          failNext = false;
          throw new Error("engine-crashed");
        }
        people.clear();
        const all = [...templates];
        for (const template of all) people.set(template.personId, [template]);
        return { accepted: all.length, refused: [] };
      },
      replacePerson: async (personId, templates) => {
        if (failNext) {
          failNext = false;
          throw new Error("engine-crashed");
        }
        if (templates.length === 0) people.delete(personId);
        else people.set(personId, templates);
        return { accepted: templates.length, refused: [] };
      },
    },
    templates: {
      loadInParts: (modelId) => ({
        peopleCount: initial.length,
        parts:
          modelId === "m1"
            ? [
                { templates: initial.slice(0, 1), damaged: [] },
                { templates: initial.slice(1), damaged: [{ templateId: "t-x", code: "ciphertext-damaged" }] },
              ]
            : [{ templates: sides, damaged: [] }],
      }),
      onChanged: (next) => {
        listener = next;
        return () => {
          listener = () => {};
        };
      },
    },
  });
  return {
    gallery,
    people,
    change: (change: Change) => listener(change),
    progress,
    breakOnce: () => (failNext = true),
  };
}

describe("LiveGallery", () => {
  it("loads what can be opened and counts what cannot", async () => {
    const { gallery, people } = world([stored("a"), stored("b")]);
    expect(await gallery.load()).toEqual({ acceptedCount: 2, damagedCount: 1 });
    expect([...people.keys()]).toEqual(["a", "b"]);
  });

  it("adds the enrolled and drops the withdrawn, in order", async () => {
    const { gallery, people, change } = world([stored("a")]);
    await gallery.load();
    change({ personId: "b", templates: [stored("b")] });
    change({ personId: "a", templates: [] });
    change({ personId: "b", templates: [] });
    change({ personId: "b", templates: [stored("b")] });
    await gallery.settled();
    expect([...people.keys()]).toEqual(["b"]);
  });

  it("keeps templates of another model out of the search", async () => {
    const { gallery, people, change } = world([]);
    await gallery.load();
    change({ personId: "b", templates: [stored("b", "m2")] });
    await gallery.settled();
    expect(people.size).toBe(0);
  });

  it("brings a side pack's templates to the engine, at the start and later", async () => {
    const { gallery, people, change } = world([stored("a")], [stored("b", "m0")]);
    expect(await gallery.load()).toEqual({ acceptedCount: 2, damagedCount: 1 });
    change({ personId: "c", templates: [stored("c", "m0"), stored("c", "m2")] });
    await gallery.settled();
    expect([...people].map(([id, all]) => [id, all.map(({ model }) => model)])).toEqual([
      ["a", ["m1"]],
      ["b", ["m0"]],
      ["c", ["m0"]],
    ]);
  });

  it("tells a load that failed, so that nobody is searched for among too few", async () => {
    const { gallery, people, breakOnce } = world([stored("a"), stored("b")]);
    breakOnce();
    await expect(gallery.load()).rejects.toThrow("engine-crashed");
    expect(await gallery.load()).toMatchObject({ acceptedCount: 2 });
    expect([...people.keys()]).toEqual(["a", "b"]);
  });

  it("says how many of how many people are loaded", async () => {
    const { gallery, progress } = world([stored("a"), stored("b")]);
    await gallery.load();
    expect(progress).toEqual([1, 2]);
  });

  it("goes on after the engine failed once", async () => {
    const { gallery, people, change, breakOnce } = world([]);
    breakOnce();
    change({ personId: "a", templates: [stored("a")] });
    change({ personId: "b", templates: [stored("b")] });
    await gallery.settled();
    expect([...people.keys()]).toEqual(["b"]);
  });
});

import { expect, it, onTestFinished } from "vitest";
import { artifactsForTests } from "../../models/artifacts-for-tests.ts";
import { createFaceEngine } from "../../models/face-engine.ts";
import { openSchool, photosOf, until } from "./school.ts";

const OLDER_PACK = "frf512-mfn192-flip";

it("charges somebody who was enrolled with the pack that an earlier release used, after a restart and unasked", async () => {
  const school = await openSchool();
  const first = await school.startTerminal({ cameraNumbers: ["1001"] });
  const person = first.store.roster.personByNumber("1001");
  if (person === undefined) throw new Error("1001 is on the roster");
  const older = await createFaceEngine({ artifactsFolder: await artifactsForTests(), packId: OLDER_PACK });
  onTestFinished(() => older.close());
  const templates = [];
  for (const bytes of photosOf("1001")) {
    const [face] = (await older.analyze({ bytes })).faces;
    if (face === undefined) throw new Error("a face is in each photo");
    templates.push({ modelId: face.model, embedding: face.embedding, quality: face.quality.overall });
  }
  first.store.templates.enrol({
    entryId: first.store.ids.next(),
    personId: person.personId,
    templates,
    operatorId: "release before",
    consent: { scopes: ["face"], grantedBy: "guardian" },
  });
  await first.close();
  const second = await school.startTerminal({ cameraNumbers: ["1001"] });
  const charge = await until("a charge", () => second.servingLine.recentCharges(1)[0]);
  expect(charge).toMatchObject({ personId: person.personId, method: "face" });
});

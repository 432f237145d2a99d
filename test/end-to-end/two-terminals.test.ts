import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Config } from "../../device/config/schema.ts";
import { Counter, PayPage } from "./counter.ts";
import { enrol, openSchool, photosOf, until } from "./school.ts";

const FACE_1003 = "p-1003";

describe("two terminals of one site", () => {
  it("knows at the second who was enrolled at the first, charges one meal, and forgets at both; the cloud holds ciphertext", async () => {
    const school = await openSchool();
    const siteKeyFile = join(school.folder, "site.key");
    writeFileSync(siteKeyFile, randomBytes(32).toString("hex"), { mode: 0o600 });
    const shares = (device: string) => (config: Config) => ({
      ...config,
      device,
      security: { ...config.security, shareTemplates: true, siteKeyFile },
    });
    const first = await school.startTerminal({ adjust: shares("terminal-1") });
    const second = await school.startTerminal({
      adjust: shares("terminal-2"),
      dataFolder: "data-2",
      activation: "touch",
    });
    const counter = await Counter.open(first);
    await counter.ask("POST", `/people/${FACE_1003}/consents`, {
      scopes: ["face", "share-template"],
      grantedBy: "guardian",
    });
    await enrol(first, "1003");
    await until("the template at the second", () => second.store.templateCount(FACE_1003) || null);
    await second.engine.gallery().settled();

    const page = await PayPage.open(second);
    const [picture] = photosOf("1003");
    page.picture = picture ?? null;
    const paid = await page.pressing("paid", () => page.paid());
    expect(paid.receipt).toMatchObject({ personId: FACE_1003, method: "face" });
    await until("the charge in the cloud", () => school.cloud.views.charges(10)[0]);

    expect(picture).toBeDefined();
    const analysed = await first.engine.engine.analyze({ bytes: photosOf("1003")[0] ?? new Uint8Array() });
    const embedding = analysed.faces[0]?.embedding ?? new Float32Array();
    expect(embedding.length).toBeGreaterThan(100);
    const plain = Buffer.from(embedding.buffer, embedding.byteOffset, 64);
    for (const file of readdirSync(join(school.folder, "cloud"))) {
      const bytes = readFileSync(join(school.folder, "cloud", file));
      expect(bytes.includes(plain), file).toBe(false);
      expect(bytes.includes(plain.toString("base64").slice(2, 60)), file).toBe(false);
    }

    await counter.ask("POST", `/people/${FACE_1003}/withdraw`, { reason: "guardian asked" });
    await until("forgotten at both", () =>
      first.store.templateCount(FACE_1003) + second.store.templateCount(FACE_1003) === 0 ? true : null,
    );
  });
});

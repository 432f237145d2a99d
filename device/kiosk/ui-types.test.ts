import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";

describe("the page", () => {
  it("passes the type checker, templates included", () => {
    const root = new URL("../../", import.meta.url).pathname;
    const check = (): string =>
      execFileSync(
        process.execPath,
        ["node_modules/vue-tsc/bin/vue-tsc.js", "--noEmit", "-p", "device/kiosk/ui"],
        {
          cwd: root,
          encoding: "utf8",
        },
      );
    expect(check()).toBe("");
  });
});

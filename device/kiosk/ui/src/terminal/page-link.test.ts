import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { effectScope } from "vue";
import { type WebSocket, WebSocketServer } from "ws";
import { usePageLink } from "./page-link.ts";

afterEach(() => vi.unstubAllGlobals());

/** A terminal that answers the first page only when it is told to, and what it hears on each connection. */
async function slowTerminal() {
  const http = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  const heard: string[][] = [];
  const closed: Promise<number>[] = [];
  const answerFirst = Promise.withResolvers<void>();
  http.on("upgrade", async (request, socket, head) => {
    const said: string[] = [];
    const isFirst = heard.push(said) === 1;
    if (isFirst) await answerFirst.promise;
    sockets.handleUpgrade(request, socket, head, (opened: WebSocket) => {
      opened.on("message", (data) => said.push(String(data)));
      closed.push(once(opened, "close").then(([code]) => Number(code)));
      opened.send(isFirst ? "first" : "second");
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    heard,
    closed,
    answerFirst: () => answerFirst.resolve(),
    async [Symbol.asyncDispose]() {
      for (const client of sockets.clients) client.terminate();
      await new Promise((done) => http.close(done));
    },
  };
}

it("lets a connection that it replaced open and end, and neither hears it nor speaks to it", async () => {
  await using terminal = await slowTerminal();
  vi.stubGlobal("location", { protocol: "http:", host: terminal.host });
  vi.stubGlobal("window", globalThis);
  const scope = effectScope();
  const texts: string[] = [];
  const link = scope.run(() =>
    usePageLink<"cabinet", never>({
      path: "/ws/cabinet",
      page: "cabinet",
      onText: (json) => texts.push(json),
    }),
  );
  await expect.poll(() => terminal.heard.length).toBe(1);
  link?.reconnect();
  await expect.poll(() => texts).toEqual(["second"]);
  terminal.answerFirst();
  await expect.poll(() => terminal.closed.length).toBe(2);
  // 1005: closed by the page as it should be; 1006 would be a connection torn off.
  expect(await terminal.closed[1]).toBe(1005);
  expect(texts).toEqual(["second"]);
  expect(terminal.heard).toEqual([[], ['{"type":"hello","page":"cabinet"}']]);
  scope.stop();
  expect(await terminal.closed[0]).toBe(1005);
});

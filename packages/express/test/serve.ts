import type { Express } from "express";
import { afterEach } from "vitest";

const opened: { close(): void; closeAllConnections(): void }[] = [];

afterEach(() => {
  for (const server of opened.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Listens on a free loopback port until the test ends. */
export async function serve(app: Express): Promise<{ origin: string; port: number }> {
  app.set("env", "test");
  const server = app.listen(0, "127.0.0.1");
  opened.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { origin: `http://127.0.0.1:${port}`, port };
}

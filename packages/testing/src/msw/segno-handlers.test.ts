import { createSegnoClient } from "@segno/client";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createTestSegno } from "../engine/create-test-segno.js";
import { mockSession } from "./mock-session.js";
import { mockSessionHandlers, segnoHandlers } from "./segno-handlers.js";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledFrame: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

it("answers a page's fetch with the engine, cookies and well-known documents included", async () => {
  const test = await createTestSegno();
  const { browser, user } = await test.signInAs("ada@example.com");
  server.use(...segnoHandlers(test.segno, { browser }));
  const session = await fetch(`${test.origin}/api/auth/v1/session`);
  expect(await session.json()).toMatchObject({ user: { id: user.id } });
  const keys = await fetch(`${test.origin}/.well-known/jwks.json`);
  expect(((await keys.json()) as { keys: object[] }).keys.length).toBeGreaterThan(0);
  await test.close();
});

it("plays a signed-in person without an engine, until sign-out", async () => {
  const origin = "https://front.example.com";
  server.use(...mockSessionHandlers(mockSession({ user: { displayName: "Grace" } }), { origin }));
  const client = createSegnoClient({ baseUrl: origin, openChannel: () => undefined });
  expect((await client.user.get()).data?.displayName).toBe("Grace");
  expect((await client.getToken()).data).toBe("mock.access.token");
  expect((await client.signOut()).error).toBeNull();
  expect((await client.user.get()).error?.code).toBe("unauthenticated");
});

it("lets nothing else through: what was not mocked is an error", async () => {
  server.use(...mockSessionHandlers(mockSession(), { origin: "https://front.example.com" }));
  const response = await fetch("https://front.example.com/api/auth/v1/user/email/start", {
    method: "POST",
    body: "{}",
  });
  expect(response.status).toBe(501);
  await expect(fetch("https://elsewhere.example.com/")).rejects.toThrow();
});

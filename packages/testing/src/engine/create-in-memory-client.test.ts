import { afterEach, beforeEach, expect, it } from "vitest";
import { createInMemoryClient } from "./create-in-memory-client.js";
import { createTestSegno, type TestSegno } from "./create-test-segno.js";

let test: TestSegno;
beforeEach(async () => {
  test = await createTestSegno();
});
afterEach(() => test.close());

it("signs in through the typed client, without a port", async () => {
  const { client } = createInMemoryClient(test.segno);
  const started = await client.email.start({ email: "ada@example.com" });
  expect(started.error).toBeNull();
  const code = await test.mail.nextCode("ada@example.com");
  const { data } = await client.email.verify({ attemptId: started.data?.attemptId ?? "", code });
  expect(data?.user.email).toBe("ada@example.com");
  expect((await client.getToken()).data?.split(".")).toHaveLength(3);
  expect((await client.signOut()).error).toBeNull();
  expect((await client.getToken()).error?.code).toBe("unauthenticated");
});

it("shares the session of a browser, and renews the token when the virtual clock passes its end", async () => {
  const { browser } = await test.signInAs("ada@example.com");
  const { client } = createInMemoryClient(test.segno, { browser });
  const first = await client.getToken();
  expect((await client.getToken()).data).toBe(first.data);
  test.clock.advance({ minutes: 5 });
  const second = await client.getToken();
  expect(second.data).toBeDefined();
  expect(second.data).not.toBe(first.data);
});

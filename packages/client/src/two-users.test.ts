import fc from "fast-check";
import { expect, it } from "vitest";
import { createServiceDouble, createTabs, openTab, settle } from "./service.double.js";

const step = fc.oneof(
  fc.record({ kind: fc.constant("signIn" as const), tab: fc.nat(1), user: fc.constantFrom("ada", "bob") }),
  fc.record({ kind: fc.constant("signOut" as const), tab: fc.nat(1) }),
  fc.record({ kind: fc.constant("getToken" as const), tab: fc.nat(1) }),
  fc.record({ kind: fc.constant("release" as const), index: fc.nat(4) }),
  fc.record({ kind: fc.constant("advance" as const), seconds: fc.constantFrom(10, 290, 400) }),
  fc.constant({ kind: "settle" as const }),
);

function subjectOf(token: string): string {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).sub;
}

it("T-044: whatever the order, a token handed out belongs to the person who was signed in when it was asked for", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      const service = createServiceDouble();
      const shared = createTabs();
      const tabs = [openTab(service, shared), openTab(service, shared)];
      service.setCookie("ada");
      await Promise.all(tabs.map((tab) => tab.session.ready()));
      service.isHolding = true;
      const pending: Promise<unknown>[] = [];
      for (const one of steps) {
        const tab = tabs["tab" in one ? one.tab : 0];
        if (!tab) continue;
        if (one.kind === "signIn") pending.push(tab.email.verify({ attemptId: "a", code: one.user }));
        if (one.kind === "signOut") pending.push(tab.signOut());
        if (one.kind === "release") service.release(Math.min(one.index, Math.max(0, service.held() - 1)));
        if (one.kind === "advance") service.advance(one.seconds);
        if (one.kind === "settle") await settle();
        if (one.kind === "getToken") {
          const owner = tab.session.get().user?.id;
          pending.push(
            tab.getToken().then(({ data }) => {
              if (data !== null) {
                expect(subjectOf(data)).toBe(owner);
                expect(tab.session.get().user?.id).toBe(owner);
              }
            }),
          );
        }
      }
      service.isHolding = false;
      while (service.held() > 0) {
        service.release();
        await settle();
      }
      await settle();
      while (service.held() > 0) service.release();
      await Promise.all(pending);
    }),
    { numRuns: 150, seed: 44 },
  );
}, 60_000);

import type { AuthState } from "@segno/core";
import { createVirtualClock, type VirtualClock } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actor, addSession, besides, type Node, openNode, sessionCookie } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import type { OpenedSession } from "./index.js";
import { revokeSession } from "./revoke-session.js";

describe.each(testDatabases.filter(({ name }) => !name.endsWith("one")))(
  "session.cacheSeconds: $name",
  ({ skipped, create }) => {
    if (skipped !== undefined) {
      it.skip(skipped, () => {});
      return;
    }
    let database: TestDatabase;
    let clock: VirtualClock;
    let here: Node;
    let there: Node;
    let opened: OpenedSession;
    let reads: number;
    beforeEach(async () => {
      database = await create();
      clock = createVirtualClock();
      reads = 0;
      const counted = {
        describe: "counted",
        open: async (context?: object) => countReads(await database.source().open(context)),
      };
      here = await openNode(counted, { clock, session: { cacheSeconds: 5 } });
      there = await openNode(besides(here, database.source), { clock, session: { cacheSeconds: 5 } });
      opened = await addSession(here.engine);
    });
    afterEach(async () => {
      await there.stop();
      await here.stop();
      await database.drop();
    });
    function countReads(store: Node["engine"]["store"]): Node["engine"]["store"] {
      const readSession: typeof store.readSession = (hash) => {
        reads += 1;
        return store.readSession(hash);
      };
      return { ...store, readSession };
    }
    const ask = async (node: Node, fresh = false): Promise<AuthState["status"]> =>
      (await node.authenticate({ headers: sessionCookie(opened.token), fresh })).status;
    const revokeOn = (node: Node) =>
      node.engine.store.transaction((trx) =>
        revokeSession(
          node.engine,
          trx,
          { sessionId: opened.session.id, userId: opened.session.user_id, reason: "user" },
          actor,
        ),
      );

    it("answers from memory for five seconds and not a moment longer; `fresh` reads the store", async () => {
      for (let turn = 0; turn < 10; turn += 1) expect(await ask(here)).toBe("authenticated");
      expect(reads).toBe(1);
      expect(await ask(here, true)).toBe("authenticated");
      expect(reads).toBe(2);
      clock.advance({ milliseconds: 4_999 });
      await ask(here);
      expect(reads).toBe(2);
      clock.advance({ milliseconds: 1 });
      await ask(here);
      expect(reads).toBe(3);
    });

    it("T-069: a revocation is seen at once here, at once by `fresh`, and on the other node after five seconds at the latest", async () => {
      expect([await ask(here), await ask(there)]).toEqual(["authenticated", "authenticated"]);
      await revokeOn(here);
      expect([await ask(here), await ask(there, true)]).toEqual(["invalid", "invalid"]);
      clock.advance({ seconds: 5 });
      expect(await ask(there)).toBe("invalid");
    });

    it("a read under way when the session is revoked does not bring it back", async () => {
      const racing = Promise.all(Array.from({ length: 20 }, () => ask(here)));
      await revokeOn(here);
      await racing;
      for (let turn = 0; turn < 5; turn += 1) expect(await ask(here)).toBe("invalid");
      clock.advance({ seconds: 11 });
      expect(await ask(here)).toBe("invalid");
    });

    it("a session that ends in between is refused on time", async () => {
      expect(await ask(here)).toBe("authenticated");
      await here.engine.store.db
        .updateTable("segno_sessions")
        .set({ idle_expires_at: clock.nowMs() + 2_000 })
        .execute();
      clock.advance({ seconds: 5 });
      expect(await ask(here)).toBe("invalid");
    });
  },
);

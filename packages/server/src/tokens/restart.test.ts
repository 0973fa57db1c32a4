import { isSegnoError } from "@segno/core";
import { createVirtualClock } from "@segno/testing";
import { describe, expect, it } from "vitest";
import { actor, addFamily, openNode } from "../../test/engine-kit.js";
import { testDatabases } from "../../test/stores.js";
import { rotateRefreshToken } from "./rotate-refresh-token.js";

const durable = testDatabases.filter(({ name }) => name !== "sqlite memory");

describe.each(durable)("refresh tokens after a restart: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  it("T-076: a process that starts anew, an hour behind, revives no token that was spent or whose family ended", async () => {
    const database = await create();
    const clock = createVirtualClock();
    const first = await openNode(database.source(), { clock });
    const spent = await addFamily(first.engine);
    const killed = await addFamily(first.engine);
    const rotate = (on: typeof first, refreshToken: string) =>
      rotateRefreshToken(on.engine, { refreshToken, clientId: "segno" }, actor);
    const next = await rotate(first, spent.refreshToken);
    const successor = await rotate(first, killed.refreshToken);
    clock.advance({ seconds: 60 });
    await expect(rotate(first, killed.refreshToken)).rejects.toSatisfy((error) => isSegnoError(error, "invalid_grant"));
    await first.stop();

    const behind = createVirtualClock(clock.nowMs());
    behind.advance({ hours: -1 });
    const second = await openNode(database.source(), { clock: behind });
    for (const token of [spent.refreshToken, killed.refreshToken, successor.refreshToken ?? ""]) {
      await expect(rotate(second, token)).rejects.toSatisfy((error) => isSegnoError(error, "invalid_grant"));
    }
    expect(next.refreshToken).toBeDefined();
    await second.stop();
    await database.drop();
  });
});

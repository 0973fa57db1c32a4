import { describe, expect, it } from "vitest";
import { createUser } from "../../users/index.js";
import { openSite, type Site } from "../site.double.js";

const samples = Number(process.env.SEGNO_TIMING_SAMPLES ?? 0);

/** Run it on a quiet machine: `SEGNO_TIMING_SAMPLES=2000 vitest run timing.slow`. */
describe.skipIf(samples === 0)("time tells nothing about an address", () => {
  it.each([
    { signUp: true, name: "open" },
    { signUp: false, name: "closed" },
  ])(
    "T-115: medians of known and unknown addresses differ by less than 5 %, ranks do not; sign-up is $name",
    {
      timeout: 600_000,
    },
    async ({ signUp }) => {
      const site = await openSite({ signIn: { signUp }, rateLimit: true });
      await site.queue.stop();
      const known = Array.from({ length: 50 }, (_, index) => `known${index}@example.com`);
      for (const email of known) await addAccount(site, email);
      const measure = async (email: string): Promise<number> => {
        const browser = site.browser();
        const from = process.hrtime.bigint();
        const { status } = await browser.call("/v1/email/start", { email });
        const took = Number(process.hrtime.bigint() - from);
        expect(status).toBe(202);
        return took;
      };
      const times: Record<"known" | "unknown", number[]> = { known: [], unknown: [] };
      for (let index = 0; index < samples + 200; index += 1) {
        // both kinds were asked for before, in turn, in changing order
        const unknown = `nobody${index % 50}@example.com`;
        const pair = [
          ["known", known[index % 50] ?? ""],
          ["unknown", unknown],
        ] as const;
        for (const [kind, email] of index % 2 === 0 ? pair : pair.toReversed()) {
          const took = await measure(email);
          if (index >= 200) times[kind].push(took);
        }
        // budgets count, and none is ever used up
        site.clock.advance({ hours: 1 });
        if (index % 100 === 0) await site.store.db.deleteFrom("segno_attempts").execute();
      }
      await site.close();
      const difference = Math.abs(median(times.known) - median(times.unknown)) / median(times.unknown);
      const z = rankSum(times.known, times.unknown);
      console.log(
        JSON.stringify({
          samples,
          knownUs: median(times.known) / 1000,
          unknownUs: median(times.unknown) / 1000,
          difference,
          z,
        }),
      );
      expect(difference).toBeLessThan(0.05);
      expect(Math.abs(z)).toBeLessThan(3.3);
    },
  );
});

/** An account with a proven address, made without any sign-in: one kind of address has no more history than the other. */
async function addAccount({ engine, clock }: Site, email: string): Promise<void> {
  await engine.store.transaction(async (trx) => {
    const user = await createUser(engine, trx, { method: "email_code" }, { requestId: "timing" });
    const row = { id: engine.newId(), user_id: user.id, kind: "email" as const, value: email };
    const nowMs = clock.nowMs();
    await trx
      .insertInto("segno_identifiers")
      .values({ ...row, verified_at: nowMs, created_at: nowMs })
      .execute();
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Wilcoxon rank-sum, normal approximation. */
function rankSum(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))].toSorted(
    (x, y) => x.value - y.value,
  );
  const ranks = all.reduce((sum, { isA }, index) => (isA ? sum + index + 1 : sum), 0);
  const mean = (a.length * (all.length + 1)) / 2;
  return (ranks - mean) / Math.sqrt((a.length * b.length * (all.length + 1)) / 12);
}

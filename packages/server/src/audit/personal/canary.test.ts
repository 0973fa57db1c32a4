import { existsSync, readFileSync } from "node:fs";
import { personal } from "@segno/core";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { openNode } from "../../../test/engine-kit.js";
import { testDatabases } from "../../../test/stores.js";
import type { Db } from "../../engine.js";
import { deleteUser, proveEmail } from "../../users/index.js";

const email = "canary.ada.7319@example.com";
const fields = { clientIp: "198.51.100.77", userAgent: "CanaryAgent/7319", email };
const canaries = [email, fields.clientIp, fields.userAgent];

async function dump(db: Db): Promise<string> {
  const tables = await db.introspection.getTables();
  const texts: string[] = [];
  // tests that run beside this one have schemas of their own, with tables of the same names
  for (const name of new Set(tables.map((table) => table.name).filter((each) => each.startsWith("segno_")))) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(db);
    const plain = (value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value);
    for (const row of rows) texts.push(JSON.stringify(Object.values(row).map(plain)));
  }
  return texts.join("\n");
}

const fileText = (file: string) =>
  ["", "-wal"].map((end) => (existsSync(file + end) ? readFileSync(file + end).toString("latin1") : "")).join("");

it.each(testDatabases.filter(({ skipped, name }) => skipped === undefined && !name.includes("pool")))(
  "T-072: nothing of an erased person is left in any table, nor in the database's file: $name",
  async ({ create }) => {
    const database = await create();
    const node = await openNode(database.source(), { audit: {} });
    const { engine, audit } = node;
    const actor = { requestId: "test", personal: personal(fields) };
    const input = { email, method: "email_code" } as const;
    const { user } = await engine.store.transaction((trx) => proveEmail(engine, trx, input, actor));
    const before = await dump(engine.store.db);
    expect(before).toContain(email);
    expect(before).not.toContain(fields.clientIp);
    expect(before).not.toContain(fields.userAgent);
    await audit?.settle();
    expect(await audit?.show({ subject: user.id, type: "email.verified" })).toMatchObject([
      { personal: { state: "readable", fields } },
    ]);
    const [key] = await engine.store.db.selectFrom("segno_subject_keys").select("wrapped").execute();
    expect(key?.wrapped.length).toBeGreaterThan(40);

    await deleteUser(engine, user.id, { requestId: "test" });
    await audit?.settle();
    const after = await dump(engine.store.db);
    for (const canary of [...canaries, key?.wrapped ?? ""]) expect(after).not.toContain(canary);
    expect((await audit?.show({ subject: user.id }))?.map(({ personal: view }) => view?.state ?? null)).toContain(
      "erased",
    );
    await node.stop();
    // closed, so that what the write-ahead log held is in the file, and the log is gone
    if (database.address?.endsWith(".db") === true) {
      const text = fileText(database.address);
      expect(text).toContain(user.id);
      const left = [...canaries, key?.wrapped ?? ""].filter((canary) => text.includes(canary));
      expect(left).toEqual([]);
    }
    await database.drop();
  },
);

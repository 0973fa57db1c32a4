import type { Incoming } from "../../http/index.js";
import type { Db, Engine } from "../../engine.js";
import { verifiedEmailOf } from "../../users/index.js";
import { pickLocale } from "./locale.js";
import { factorNotice } from "./mails.js";

/** Tells the owner of an account by mail that a factor changed, where an address is proved (T-105). */
export async function noticeFactor(
  engine: Engine,
  trx: Db,
  input: {
    readonly userId: string;
    readonly what: "passkey_added" | "passkey_removed";
    readonly name: string;
    readonly request: Incoming;
  },
): Promise<void> {
  const to = await verifiedEmailOf(engine, trx, input.userId);
  if (to === undefined) return;
  const locale = pickLocale(input.request.headers.get("accept-language"));
  await engine.mail.enqueue(trx, factorNotice(engine, { to, locale, what: input.what, name: input.name }));
}

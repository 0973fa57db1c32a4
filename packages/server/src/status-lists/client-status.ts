import type { Db, Engine } from "../engine.js";
import { takeStatusIndex } from "./take-status-index.js";

/** A service whose own tokens need a place. */
export interface ClientStatus {
  readonly clientId: string;
  /** When the client ends for good; undefined for one that does not. */
  readonly endsAtMs: number | undefined;
}

/** So long a place is remembered: a token issued by a place that was just left is refused, and the next one is good. */
const rememberMs = 1_000;
const maxRemembered = 10_000;
const places = new WeakMap<object, Map<string, { readonly index: number; readonly atMs: number }>>();

/**
 * The place in the status lists that a service's own tokens name, made with the first one: a client has one, because
 * what is revoked of a service is all it holds.
 */
export async function clientStatus(engine: Engine, trx: Db, client: ClientStatus): Promise<number> {
  const remembered = rememberedOf(engine);
  const nowMs = engine.clock.nowMs();
  const known = remembered.get(client.clientId);
  if (known !== undefined && Math.abs(nowMs - known.atMs) < rememberMs) return known.index;
  const index = await findPlace(trx, client.clientId);
  // a place made in this transaction may be rolled back with it: it is remembered the next time
  if (index === undefined) return await makePlace(engine, trx, client);
  if (remembered.size >= maxRemembered) remembered.clear();
  remembered.set(client.clientId, { index, atMs: nowMs });
  return index;
}

/**
 * Gives up a client's place: every token of its own is refused by verifiers within the bound, and by introspection with
 * the client itself. What it gets from now on names another place.
 * @returns false when it never had a token
 */
export async function leaveClientStatus(engine: Engine, trx: Db, client: ClientStatus): Promise<boolean> {
  const { clientId } = client;
  const left = await findPlace(trx, clientId);
  if (left === undefined) return false;
  const nowMs = engine.clock.nowMs();
  await trx
    .insertInto("segno_revoked_tokens")
    .values({ jti: `client:${clientId}:${left}`, expires_at: nowMs + longestMs, revoked_at: nowMs, status_index: left })
    .onConflict((conflict) => conflict.column("jti").doNothing())
    .execute();
  const fresh = await takeStatusIndex(engine, trx, client.endsAtMs ?? never);
  await trx
    .updateTable("segno_client_statuses")
    .set({ status_index: fresh })
    .where("client_id", "=", clientId)
    .where("status_index", "=", left)
    .execute();
  rememberedOf(engine).delete(clientId);
  return true;
}

/** Of clients that are gone for good. Their places are given back by the sweep, when no token can name them any more. */
export async function forgetClientStatuses(trx: Db, clientIds: readonly string[]): Promise<void> {
  if (clientIds.length === 0) return;
  await trx.deleteFrom("segno_client_statuses").where("client_id", "in", clientIds).execute();
}

/** No access token lives longer than an hour; ten minutes more for clocks. */
const longestMs = 4_200_000;
const never = Number.MAX_SAFE_INTEGER;

function rememberedOf(engine: Engine) {
  let remembered = places.get(engine.store);
  if (remembered === undefined) {
    remembered = new Map();
    places.set(engine.store, remembered);
  }
  return remembered;
}

async function findPlace(trx: Db, clientId: string): Promise<number | undefined> {
  const row = await trx
    .selectFrom("segno_client_statuses")
    .select("status_index")
    .where("client_id", "=", clientId)
    .executeTakeFirst();
  return row?.status_index;
}

async function makePlace(engine: Engine, trx: Db, { clientId, endsAtMs }: ClientStatus): Promise<number> {
  const fresh = await takeStatusIndex(engine, trx, endsAtMs ?? never);
  await trx
    .insertInto("segno_client_statuses")
    .values({ client_id: clientId, status_index: fresh })
    .onConflict((conflict) => conflict.column("client_id").doNothing())
    .execute();
  // another node may have been first
  return (await findPlace(trx, clientId)) ?? fresh;
}

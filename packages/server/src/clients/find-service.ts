import type { ServiceClient, ServiceCredential } from "../config.js";
import type { Db, Engine } from "../engine.js";
import { type ClientRow, findClient } from "./store.js";

/** What ids of accounts made at run time begin with. */
export const serviceAccountPrefix = "service_";
/** Only these are looked for in the store; every other id in the configuration alone. */
const accountId = /^service_[0-9a-f]{32}$/;

/**
 * A confidential client that is good now, from the configuration or the store. One that is not known costs what one
 * that is known costs: which place is asked is decided by the id alone.
 * @throws SegnoError `store_unavailable`
 */
export async function findService(
  engine: Engine,
  id: string,
  db: Db = engine.store.db,
): Promise<ServiceClient | undefined> {
  const service = accountId.test(id) ? await findAccount(db, id) : engine.config.services.get(id);
  const isOver = service?.expiresAtMs !== undefined && service.expiresAtMs <= engine.clock.nowMs();
  return isOver ? undefined : service;
}

/**
 * Whether a client may still be believed: listed or in the store, not revoked, not over. Reads the store each time, or the
 * caller's transaction.
 * @throws SegnoError `store_unavailable`
 */
export async function isServiceLive(engine: Engine, id: string, db?: Db): Promise<boolean> {
  return (await findService(engine, id, db)) !== undefined;
}

async function findAccount(db: Db, id: string): Promise<ServiceClient | undefined> {
  const row = await findClient(db, id);
  return row === undefined || row.revoked_at !== null ? undefined : serviceOf(row);
}

/** A row as verbs read it. It may use `client_credentials` and nothing else. */
function serviceOf(row: ClientRow): ServiceClient {
  return {
    id: row.id,
    credential: credentialOf(row.credential),
    grants: ["client_credentials"],
    scopes: JSON.parse(row.scopes) as string[],
    audiences: JSON.parse(row.audiences) as string[],
    accessTokenSeconds: row.access_token_seconds,
    expiresAtMs: row.expires_at,
    certificateBound: row.certificate_bound === 1,
    mayActFor: undefined,
  };
}

/** The same text gives the same object, so that keys are imported once. */
const credentials = new Map<string, ServiceCredential>();
const maxCredentials = 1_000;

function credentialOf(text: string): ServiceCredential {
  let credential = credentials.get(text);
  if (credential === undefined) {
    credential = JSON.parse(text) as ServiceCredential;
    if (credentials.size >= maxCredentials) credentials.clear();
    credentials.set(text, credential);
  }
  return credential;
}

import { hash, timingSafeEqual } from "node:crypto";
import { SegnoError } from "@segno/core";
import { parseBasicCredentials } from "../clients/index.js";
import type { ResolvedConfig } from "../config.js";

/** Client credentials as they came: in the header or in the form, never in both (RFC 6749 section 2.3). */
export interface PresentedClient {
  readonly authorization: string | null;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
}

/**
 * Authenticates a resource server that may introspect. Takes the same time for an unknown id as for a wrong secret.
 * @returns its id; undefined when no client credentials were presented at all
 * @throws SegnoError `invalid_client`, `invalid_request`
 */
export function authenticateIntrospectionClient(
  config: ResolvedConfig,
  presented: PresentedClient,
): string | undefined {
  const { digests, accepted } = knownClients(config.tokens.introspectionClients);
  const headerDigest = presented.authorization === null ? "" : hash("sha256", presented.authorization, "base64url");
  const seenBefore = accepted.get(headerDigest);
  const basic = seenBefore === undefined ? parseBasicCredentials(presented.authorization) : undefined;
  const isInHeader = seenBefore !== undefined || basic !== undefined;
  if (isInHeader && presented.clientSecret !== undefined) throw new SegnoError("invalid_request");
  const id = seenBefore ?? basic?.id ?? presented.clientId;
  const secret = basic?.secret ?? presented.clientSecret;
  if (seenBefore === undefined && secret === undefined) return undefined;
  if (id === undefined || (presented.clientId !== undefined && presented.clientId !== id))
    throw new SegnoError("invalid_client");
  if (secret === undefined) return seenBefore;
  const expected = digests.get(id);
  const isEqual = timingSafeEqual(hash("sha256", secret, "buffer"), expected ?? nobody);
  if (expected === undefined || !isEqual) throw new SegnoError("invalid_client");
  if (basic !== undefined && accepted.size < maxAccepted) accepted.set(headerDigest, id);
  return id;
}

interface KnownClients {
  /** What each client's secret must hash to. An empty secret is no secret. */
  readonly digests: ReadonlyMap<string, Buffer>;
  /** SHA-256 of headers that were found good, to the client's id. */
  readonly accepted: Map<string, string>;
}

const known = new WeakMap<object, KnownClients>();
const nobody: Buffer = Buffer.alloc(32);
const maxAccepted = 1_000;

function knownClients(clients: Readonly<Record<string, string>>): KnownClients {
  let entry = known.get(clients);
  if (entry === undefined) {
    const usable = Object.entries(clients).filter(([, secret]) => secret !== "");
    const digests = new Map(usable.map(([id, secret]) => [id, hash("sha256", secret, "buffer")]));
    entry = { digests, accepted: new Map() };
    known.set(clients, entry);
  }
  return entry;
}

import { type JwkSet, SegnoError } from "@segno/core";
import type { Actor, Engine } from "../engine.js";
import { compromiseKey, type CompromiseOptions, type CompromiseReport } from "./compromise-key.js";
import type { KeyPurpose } from "./custody.js";
import type { Keyrings } from "./keyrings.js";
import { retireKey } from "./retire.js";
import { rotateKey, type Rotation, type RotateOptions } from "./rotate.js";
import { keyStatus, type KeyStatusReport } from "./status.js";

/** Options of `segno.api.keys.rotate`. */
export interface RotateKeysOptions extends RotateOptions {
  /** Whose keys rotate. Default `access_token`. */
  readonly purpose?: KeyPurpose;
}

/** Options of `segno.api.keys.signDocument`. */
export interface SignDocumentOptions {
  /** How long the signature can be checked against the key set: the key stays published that long. At most ten years. */
  readonly expiresInSeconds: number;
}

/** A signed document. */
export interface SignedDocument {
  /** A compact JWS of `typ` `document+jwt`, never accepted as an access token. */
  readonly token: string;
  readonly kid: string;
}

/**
 * The keys, for whoever runs the service: in a job, behind an admin's page, or from the command line. They act as the
 * application: whether the caller may is its decision.
 */
export interface KeyApi {
  /** Every key with its use, what comes next for it, and which verifiers do not know the spare yet. Asks no custody. */
  status(): Promise<KeyStatusReport>;
  /**
   * The spare signs now, a new spare is published; tokens of the old key stay valid until they end.
   * @returns null when another node was rotating at the same moment
   * @throws SegnoError `conflict` while caches may not know the spare (`detail.secondsLeft`; `atOnce` overrules), or when
   * the signing key lies in another custody (`changeCustody` moves); `key_unavailable` when the custody does not answer
   */
  rotate(options?: RotateKeysOptions): Promise<Rotation | null>;
  /**
   * Ends a key that somebody else may have: out of the key set at once, the spare signs, the sessions that may have got
   * a token by it since `sinceMs` end. Safe to call again when it was interrupted.
   * @throws SegnoError `not_found`; `conflict` when the key had retired before, or seals data, which would be lost
   */
  compromise(kid: string, options: CompromiseOptions): Promise<CompromiseReport>;
  /**
   * Takes a key out of the key set before its turn comes by itself. A spare is replaced by a new one.
   * @throws SegnoError `not_found`; `conflict` while it signs, while a token may need it (`detail.secondsLeft`), or when it
   * sealed data
   */
  retire(kid: string): Promise<void>;
  /**
   * Signs claims of your own with a key that signs nothing else. `iss`, `iat`, `exp` and `jti` are added and cannot be given.
   * @throws SegnoError `invalid_input`, `key_unavailable`
   */
  signDocument(claims: Readonly<Record<string, unknown>>, options: SignDocumentOptions): Promise<SignedDocument>;
  /**
   * The public keys of a purpose, to publish them or to check signatures with.
   * @throws SegnoError `invalid_input` for `data`: those keys have no public half
   */
  publicKeys(purpose: KeyPurpose): Promise<JwkSet>;
}

/** Everything that is running, as far as the keys need it. */
export interface KeyApiParts {
  readonly engine: Engine;
  readonly keyrings: Keyrings;
}

const documentType = "document+jwt";
const reservedClaims = ["iss", "iat", "exp", "jti"];
const longestDocumentSeconds = 315_360_000;

export function createKeyApi(run: () => Promise<KeyApiParts>): KeyApi {
  const actorOf = (engine: Engine): Actor => ({ requestId: engine.newId(), kind: "operator" });
  return {
    async status() {
      const { engine, keyrings } = await run();
      const { parts } = keyrings.accessToken;
      return await keyStatus(engine, (purpose) => ({ ...parts, purpose: purpose as KeyPurpose }));
    },
    async rotate({ purpose = "access_token", ...options } = {}) {
      const { engine, keyrings } = await run();
      const ring = await keyrings.of(purpose);
      const rotation = await rotateKey(ring.parts, options);
      await ring.reload();
      engine.events.nudge();
      return rotation ?? null;
    },
    async compromise(kid, options) {
      requireTime(options.sinceMs);
      const { engine, keyrings } = await run();
      const ring = await keyrings.holding(kid);
      if (ring.parts.purpose === "data")
        throw new SegnoError("conflict", "What this key sealed would be lost with it. Rotate, and seal anew.");
      try {
        return await compromiseKey(engine, ring.parts, { ...options, kid }, actorOf(engine));
      } finally {
        await ring.reload();
      }
    },
    async retire(kid) {
      const { engine, keyrings } = await run();
      const ring = await keyrings.holding(kid);
      await retireKey(ring.parts, kid);
      await ring.reload();
      engine.events.nudge();
    },
    async signDocument(claims, { expiresInSeconds }) {
      const { engine, keyrings } = await run();
      const given = reservedClaims.find((name) => Object.hasOwn(claims, name));
      if (given !== undefined) throw new SegnoError("invalid_input", `The claim ${given} is set here.`);
      if (!(expiresInSeconds > 0 && expiresInSeconds <= longestDocumentSeconds))
        throw new SegnoError("invalid_input", "`expiresInSeconds` must be positive and at most ten years.");
      const iat = Math.floor(engine.clock.nowMs() / 1000);
      const exp = iat + Math.ceil(expiresInSeconds);
      const payload = { ...claims, iss: engine.config.issuer, iat, exp, jti: engine.newId() };
      const ring = await keyrings.of("document");
      return await ring.sign({ typ: documentType }, payload);
    },
    async publicKeys(purpose) {
      if (purpose === "data") throw new SegnoError("invalid_input", "Keys for data have no public half.");
      const { keyrings } = await run();
      return await (await keyrings.of(purpose)).publicKeys();
    },
  };
}

function requireTime(sinceMs: number): void {
  if (!(Number.isFinite(sinceMs) && sinceMs >= 0 && sinceMs <= 8.64e15))
    throw new SegnoError("invalid_input", "`sinceMs` must be milliseconds since 1970.");
}

import { SegnoError } from "@segno/core";
import type { Db, SignedToken } from "../engine.js";
import type { KeyUses } from "./key-uses.js";
import type { OpenedKey, OpenedSigningKey } from "./key-material.js";
import { OutsideFirst, type Prepared } from "./outside-first.js";

type Header = Readonly<Record<string, string>>;
type Payload = Readonly<Record<string, unknown>>;

/** Makes the compact JWS. Without `exp` in the payload `untilSeconds` says how long it can be checked against the key set. */
export type SignToken = (header: Header, payload: Payload, trx?: Db, untilSeconds?: number) => Promise<SignedToken>;

interface SignTokenParts {
  /** The same, where nothing has to be waited for; else undefined. */
  readonly keyAtHand: (expMs: number) => OpenedKey | undefined;
  /** The key that signs now, its latest `exp` on record. */
  readonly usableKey: (expMs: number, trx: Db | undefined) => Promise<OpenedKey>;
  readonly uses: KeyUses;
  /** What transactions that run again were prepared with. */
  readonly prepared: Prepared | undefined;
}

export function createSignToken({ keyAtHand, usableKey, uses, prepared }: SignTokenParts): SignToken {
  const headers = new Map<string, string>();

  function signingInput(header: Header, payload: Payload, key: OpenedSigningKey): string {
    const name = `${key.kid} ${header["typ"] ?? ""}`;
    let head = headers.get(name);
    if (head === undefined) {
      head = Buffer.from(JSON.stringify({ ...header, alg: key.algorithm.alg, kid: key.kid })).toString("base64url");
      if (headers.size >= 100) headers.clear();
      if (Object.keys(header).every((member) => member === "typ")) headers.set(name, head);
    }
    return `${head}.${Buffer.from(JSON.stringify(payload)).toString("base64url")}`;
  }

  /** The token that was signed for this transaction before it ran again. */
  function take(trx: Db, input: string): SignedToken | undefined {
    const list = prepared?.get(trx) ?? [];
    const at = list.findIndex((item) => isSigned(item) && item.token.startsWith(`${input}.`));
    const found: unknown = at < 0 ? undefined : list.splice(at, 1)[0];
    return isSigned(found) ? found : undefined;
  }

  return async (header, payload, trx, untilSeconds) => {
    const exp = payload["exp"] ?? untilSeconds;
    if (typeof exp !== "number") throw new TypeError("A signed token needs exp, or a time until it is checked.");
    const key = keyAtHand(exp * 1000) ?? (await usableKey(exp * 1000, trx));
    if (key.mode === "data") throw new SegnoError("key_unavailable", "A data key signs nothing.");
    const input = signingInput(header, payload, key);
    if (key.mode === "wrapped") {
      const token = `${input}.${key.algorithm.sign(input, key.privateKey)}`;
      uses.count(key.kid, key.algorithm.alg, exp * 1000);
      return { token, kid: key.kid };
    }
    const ready = trx === undefined ? undefined : take(trx, input);
    if (ready !== undefined) return ready;
    const ask = async (): Promise<SignedToken> => {
      const token = `${input}.${await key.sign(input)}`;
      uses.count(key.kid, key.algorithm.alg, exp * 1000);
      return { token, kid: key.kid };
    };
    if (trx === undefined) return await ask();
    throw new OutsideFirst(ask);
  };
}

function isSigned(item: unknown): item is SignedToken {
  return typeof item === "object" && item !== null && "token" in item && typeof item.token === "string";
}

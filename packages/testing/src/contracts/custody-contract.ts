import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { isSegnoError } from "@segno/core";
import type { KeyAlgorithm, KeyCustody, KeyPurpose, RemoteCustody, WrappingCustody } from "@segno/server/custody";
import type { ContractRunner } from "./runner.js";

/** What a custody is tested with. */
export interface CustodyContractOptions {
  /** Names the custody in the report. */
  readonly name: string;
  /** A custody ready to use; called once a test, and closed after it. */
  readonly create: () => Promise<KeyCustody>;
  /** What a remote custody can make. Default `["ES256"]`. */
  readonly algorithms?: readonly KeyAlgorithm[];
  /** True for a custody that needs nobody else: it answers at once, so signals end nothing. Default false. */
  readonly isInProcess?: boolean;
  /** Texts that must not be in any message: the token, PIN or password it was given. */
  readonly secrets?: readonly string[];
  /** A second opinion on each signature, for example by another library. Throws when it does not hold. */
  readonly verify?: (jws: string, publicJwk: Readonly<Record<string, string>>) => Promise<unknown>;
}

const plain = new TextEncoder().encode('{"kty":"EC","crv":"P-256","d":"c29tZXRoaW5nIHRoYXQgbXVzdCBub3QgYmUgc2Vlbg"}');
const context = { purpose: "access_token", kid: "kid-1" } as const;

/**
 * The behaviour the keyring relies on, for everybody who brings a custody of keys: what is wrapped opens under its own
 * name only, what is remote signs for its own purpose only, every call ends with its signal, every refusal is
 * `key_unavailable`, and no message tells a secret. Runs under any runner.
 *
 * Not checked: how well the custody keeps keys, speed, what happens when it is away for long.
 *
 * @example
 * import { describe, it } from "node:test";
 * custodyContract({ name: "vault", create: async () => vaultWrapped({ address: "http://localhost:8200" }) }, { describe, it });
 */
export function custodyContract(options: CustodyContractOptions, { describe, it }: ContractRunner): void {
  const run = (name: string, body: (custody: KeyCustody) => Promise<void>) =>
    it(name, async () => {
      const custody = await options.create();
      try {
        await body(custody);
      } finally {
        await custody.close?.();
      }
    });
  const refused = (what: string, work: Promise<unknown>) => assertRefused(what, work, options.secrets ?? []);

  describe(`custody contract: ${options.name}`, () => {
    run("answers when it is asked whether it does", async (custody) => {
      await custody.check(soon());
      assert.match(custody.name, /^[a-z][a-z0-9-]{1,31}$/);
    });
    run("ends each call with its signal", async (custody) => {
      if (options.isInProcess === true) return;
      const over = AbortSignal.abort();
      await refused("check", custody.check(over));
      const calls = custody.mode === "wrapped" ? wrappedCalls(custody) : remoteCalls(custody);
      for (const [verb, call] of calls) {
        await refused(`${verb}, aborted before`, call(over));
        const controller = new AbortController();
        const underWay = call(controller.signal);
        controller.abort();
        await refused(`${verb}, aborted meanwhile`, underWay);
      }
    });
    run("R088: wraps and unwraps, or makes and signs", async (custody) => {
      if (custody.mode === "wrapped") await roundTrip(custody);
      else
        for (const algorithm of options.algorithms ?? ["ES256"]) await signatures(custody, algorithm, options.verify);
    });
    run("refuses a key under another name or for another purpose", async (custody) => {
      if (custody.mode === "wrapped") await boundWrapping(custody, refused);
      else await boundSigning(custody, refused);
    });
    run("refuses what was changed", async (custody) => {
      if (custody.mode === "wrapped") await tampering(custody, refused);
      else await foreignHandles(custody, refused);
    });
  });
}

type Refused = (what: string, work: Promise<unknown>) => Promise<void>;
type Call = readonly [verb: string, call: (signal: AbortSignal) => Promise<unknown>];

function soon(): AbortSignal {
  return AbortSignal.timeout(15_000);
}

async function assertRefused(what: string, work: Promise<unknown>, secrets: readonly string[]): Promise<void> {
  const error: unknown = await work.then(
    () => assert.fail(`${what}: was not refused`),
    (caught: unknown) => caught,
  );
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(isSegnoError(error, "key_unavailable"), `${what}: refused with ${String(error)}, not with key_unavailable`);
  const told = `${error.message} ${JSON.stringify(error.detail)} ${String(error.cause ?? "")}`;
  for (const secret of [...secrets, "c29tZXRoaW5n", '"kty"']) {
    assert.ok(!told.includes(secret), `${what}: its message tells a secret`);
  }
}

function wrappedCalls(custody: WrappingCustody): readonly Call[] {
  return [
    ["wrap", (signal) => custody.wrap(plain, context, signal)],
    ["unwrap", async (signal) => await custody.unwrap(await custody.wrap(plain, context, soon()), context, signal)],
  ];
}

function remoteCalls(custody: RemoteCustody): readonly Call[] {
  const purpose: KeyPurpose = "access_token";
  const key = { purpose, algorithm: "ES256" } as const;
  return [
    ["generate", (signal) => custody.generate(key, signal)],
    [
      "sign",
      async (signal) => {
        const { handle } = await custody.generate(key, soon());
        return await custody.sign(plain, { ...key, handle }, signal);
      },
    ],
  ];
}

async function roundTrip(custody: WrappingCustody): Promise<void> {
  const wrapped = await custody.wrap(plain, context, soon());
  for (const encoding of ["utf8", "base64", "base64url", "hex"] as const) {
    const seen = Buffer.from(plain).toString(encoding).replace(/=+$/, "");
    assert.ok(!wrapped.includes(seen), "the wrapped text holds the key itself");
  }
  assert.deepEqual(Buffer.from(await custody.unwrap(wrapped, context, soon())), Buffer.from(plain));
  const again = await custody.rewrap?.(wrapped, context, soon());
  if (again === undefined) return;
  assert.deepEqual(Buffer.from(await custody.unwrap(again, context, soon())), Buffer.from(plain));
}

async function boundWrapping(custody: WrappingCustody, refused: Refused): Promise<void> {
  const wrapped = await custody.wrap(plain, context, soon());
  await refused("another kid", custody.unwrap(wrapped, { ...context, kid: "kid-2" }, soon()));
  await refused("another purpose", custody.unwrap(wrapped, { ...context, purpose: "document" }, soon()));
}

async function tampering(custody: WrappingCustody, refused: Refused): Promise<void> {
  const wrapped = await custody.wrap(plain, context, soon());
  const other = (at: number): string => (wrapped[at] === "A" ? "B" : "A");
  // Not the last character: of that one base64 may ignore some bits.
  for (const at of [0, 1, Math.floor(wrapped.length / 2), wrapped.length - 12]) {
    const changed = `${wrapped.slice(0, at)}${other(at)}${wrapped.slice(at + 1)}`;
    await refused(`changed at ${at} of ${wrapped.length}`, custody.unwrap(changed, context, soon()));
  }
  for (const text of ["", "x", wrapped.slice(0, -8), `${wrapped}AAAA`, `${wrapped} ${wrapped}`, "../../sys/seal"]) {
    await refused(`text of ${text.length}`, custody.unwrap(text, context, soon()));
  }
}

async function signatures(
  custody: RemoteCustody,
  algorithm: KeyAlgorithm,
  secondOpinion: CustodyContractOptions["verify"],
): Promise<void> {
  const purpose: KeyPurpose = "access_token";
  const [one, two] = await Promise.all([
    custody.generate({ purpose, algorithm }, soon()),
    custody.generate({ purpose, algorithm }, soon()),
  ]);
  assert.notEqual(one.handle, two.handle);
  assert.notEqual(one.publicJwk["x"], two.publicJwk["x"]);
  const members = algorithm === "ES256" ? ["crv", "kty", "x", "y"] : ["crv", "kty", "x"];
  assert.deepEqual(Object.keys(one.publicJwk).toSorted(), members);
  const publicKey = createPublicKey({ key: { ...one.publicJwk }, format: "jwk" });
  const header = Buffer.from(JSON.stringify({ alg: algorithm })).toString("base64url");
  const signOne = async (index: number): Promise<void> => {
    const text = `${header}.${Buffer.from(JSON.stringify({ index })).toString("base64url")}`;
    const input = new TextEncoder().encode(text);
    const signature = await custody.sign(input, { purpose, algorithm, handle: one.handle }, soon());
    assert.equal(signature.length, 64);
    const key = { key: publicKey, dsaEncoding: "ieee-p1363" as const };
    const digest = algorithm === "ES256" ? "sha256" : null;
    assert.ok(verify(digest, input, key, signature), "the signature does not hold");
    assert.ok(!verify(digest, new Uint8Array([...input, 1]), key, signature));
    await secondOpinion?.(`${text}.${Buffer.from(signature).toString("base64url")}`, one.publicJwk);
  };
  await signOne(-1);
  await Promise.all(Array.from({ length: 20 }, (_, index) => signOne(index)));
}

async function boundSigning(custody: RemoteCustody, refused: Refused): Promise<void> {
  const made = { purpose: "access_token", algorithm: "ES256" } as const;
  const { handle } = await custody.generate(made, soon());
  for (const purpose of ["document", "audit", "data"] as const) {
    await refused(`signing for ${purpose}`, custody.sign(plain, { ...made, handle, purpose }, soon()));
  }
  if (custody.destroy === undefined) return;
  await refused("destroying for another", custody.destroy({ ...made, handle, purpose: "document" }, soon()));
  await custody.sign(plain, { ...made, handle }, soon());
  await custody.destroy({ ...made, handle }, soon());
  await refused("signing with an ended key", custody.sign(plain, { ...made, handle }, soon()));
}

async function foreignHandles(custody: RemoteCustody, refused: Refused): Promise<void> {
  const made = { purpose: "access_token", algorithm: "ES256" } as const;
  const { handle } = await custody.generate(made, soon());
  const changed = `${handle.slice(0, -4)}0000`;
  for (const foreign of ["", "x", changed, `${handle}/../x`, `${handle}0`, handle.toUpperCase(), "../../sys/seal"]) {
    if (foreign === handle) continue;
    await refused(`a handle of ${foreign.length}`, custody.sign(plain, { ...made, handle: foreign }, soon()));
  }
}

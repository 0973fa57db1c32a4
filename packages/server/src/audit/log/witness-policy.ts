import type { SignedCheckpoint } from "./checkpoint.js";
import { cosignedAtMs } from "./cosignature.js";
import { parseVerifierKey, signatureTypes, type VerifierKey } from "./note.js";

/** Who has to have seen a checkpoint (C2SP tlog-policy). */
export interface WitnessPolicy {
  /** Keys of logs that the policy names. */
  readonly logs: readonly VerifierKey[];
  readonly witnesses: readonly { readonly name: string; readonly key: VerifierKey }[];
  /** True when the witnesses of these names are enough. */
  isQuorum(witnessed: ReadonlySet<string>): boolean;
  /** The rule in words, for a report: `2 of w1, w2, w3`. */
  readonly rule: string;
}

/** A named witness or group. */
interface Rule {
  readonly text: string;
  isMet(witnessed: ReadonlySet<string>): boolean;
}

/**
 * Reads a policy file: lines `log KEY`, `witness NAME KEY`, `group NAME all|any|K NAME...`, and one `quorum NAME`.
 * @throws TypeError naming the line that is wrong
 * @example
 * ```ts
 * import { parseWitnessPolicy } from "@segno/server/audit";
 * const policy = parseWitnessPolicy("quorum none");
 * console.log(policy.rule);
 * ```
 */
export function parseWitnessPolicy(text: string): WitnessPolicy {
  if (/[^\t\n\u0020-\u007e\u0080-\uffff]/.test(text)) throw new TypeError("A policy is text, with newlines and tabs.");
  const logs: VerifierKey[] = [];
  const witnesses: { readonly name: string; readonly key: VerifierKey }[] = [];
  const rules = new Map<string, Rule>();
  const used = new Set<string>();
  let quorum: Rule | undefined;
  const define = (name: string | undefined, rule: Rule): void => {
    if (name === undefined || name === "none" || rules.has(name))
      throw new TypeError("this name cannot be given again");
    rules.set(name, rule);
  };
  const member = (name: string): Rule => {
    const rule = rules.get(name);
    if (rule === undefined) throw new TypeError(`${name} is not defined above`);
    if (used.has(name)) throw new TypeError(`${name} counts in a group already`);
    used.add(name);
    return rule;
  };
  const readers: Readonly<Record<string, (words: readonly string[]) => void>> = {
    log([key = "", ...rest]) {
      requireNoMore(rest, 1);
      logs.push(requireNew(parseVerifierKey(key), signatureTypes.ed25519, logs));
    },
    witness([name, key = "", ...rest]) {
      requireNoMore(rest, 1);
      const others = witnesses.map((witness) => witness.key);
      const parsed = requireNew(parseVerifierKey(key), signatureTypes.cosignature, others);
      define(name, { text: String(name), isMet: (witnessed) => witnessed.has(String(name)) });
      witnesses.push({ name: String(name), key: parsed });
    },
    group([name, threshold = "", ...names]) {
      const least = thresholdOf(threshold, names.length);
      const members = names.map(member);
      const text = `${least} of (${members.map((each) => each.text).join(", ")})`;
      define(name, { text, isMet: (witnessed) => members.filter((each) => each.isMet(witnessed)).length >= least });
    },
    quorum([name = "", ...rest]) {
      requireNoMore(rest, 0);
      if (quorum !== undefined) throw new TypeError("there is one quorum");
      const rule = name === "none" ? { text: "none", isMet: () => true } : rules.get(name);
      if (rule === undefined) throw new TypeError(`${name} is not defined above`);
      quorum = rule;
    },
  };
  for (const [place, line] of text.split("\n").entries()) {
    const [kind = "", ...words] = line.split(/[ \t]+/).filter((word) => word !== "");
    if (kind === "" || kind.startsWith("#")) continue;
    try {
      const read = readers[kind];
      if (read === undefined) throw new TypeError("a line begins with log, witness, group or quorum");
      read(words);
    } catch (error) {
      throw new TypeError(`Policy line ${place + 1}: ${error instanceof Error ? error.message : "wrong"}.`);
    }
  }
  if (quorum === undefined) throw new TypeError("A policy needs a line: quorum NAME, or: quorum none.");
  return { logs, witnesses, rule: quorum.text, isQuorum: quorum.isMet };
}

/** Which witnesses of the policy cosigned, and when. */
export function witnessedBy(
  checkpoint: SignedCheckpoint,
  policy: WitnessPolicy,
): readonly { readonly name: string; readonly atMs: number }[] {
  return policy.witnesses.flatMap(({ name, key }) => {
    const atMs = cosignedAtMs(checkpoint, key);
    return atMs === undefined ? [] : [{ name, atMs }];
  });
}

function requireNew(key: VerifierKey, type: number, others: readonly VerifierKey[]): VerifierKey {
  if (key.type !== type) throw new TypeError("a log's key has type 1, a witness's type 4");
  if (others.some((other) => Buffer.compare(other.publicKey, key.publicKey) === 0))
    throw new TypeError("this key is there already");
  return key;
}

function thresholdOf(text: string, members: number): number {
  const least = text === "all" ? members : text === "any" ? 1 : Number(text);
  if (!/^(all|any|[1-9]\d{0,3})$/.test(text) || members < 1 || least > members)
    throw new TypeError("a group needs all, any, or a number of its members");
  return least;
}

function requireNoMore(rest: readonly string[], allowed: number): void {
  if (rest.length > allowed) throw new TypeError("the line has too many words");
}

import type { Engine } from "../../engine.js";
import { isExpired, type LeafEvent } from "../leaf/leaf.js";
import { retentionOf } from "../leaf/retention.js";
import type { LogStorage } from "../log/index.js";
import { scanLeaves } from "../read/scan.js";
import { selectFacts, selectWaiting, type StateKind, stateKinds } from "./store.js";

/** How many state changes have their entry in the log. */
export interface Completeness {
  /** With an entry, divided by all that were looked at. 1 where there was nothing to look at. */
  readonly ratio: number;
  readonly checked: number;
  /** State without an entry: the first thousand. */
  readonly missing: readonly { readonly kind: StateKind; readonly id: string }[];
  readonly missingCount: number;
  /** State whose event is committed and not in the log yet; counts as entered. */
  readonly waiting: number;
  /** State older than the log, or whose entry's time is over: not looked at. */
  readonly outside: number;
}

/** Which event tells of a kind of change, and of which id. */
const tells: Readonly<Record<StateKind, readonly [type: string, idOf: (event: LeafEvent) => unknown]>> = {
  user_created: ["user.created", ({ subject }) => subject],
  user_deleted: ["user.deleted", ({ subject }) => subject],
  session_created: ["session.created", (event) => event["sessionid"]],
  session_revoked: ["session.revoked", (event) => event["sessionid"]],
  refresh_family: ["token.issued", (event) => dataOf(event)["familyId"]],
  token_revoked: ["token.revoked", (event) => dataOf(event)["jti"]],
  passkey_added: ["passkey.added", (event) => dataOf(event)["passkeyId"]],
  key_created: ["key.created", (event) => dataOf(event)["kid"]],
  client_created: ["client.created", (event) => event["clientid"]],
  client_revoked: ["client.revoked", (event) => event["clientid"]],
};

const dataOf = (event: LeafEvent) => (event["data"] ?? {}) as Readonly<Record<string, unknown>>;
const pageSize = 1_000;
const mostNamed = 1_000;
const dayMs = 86_400_000;

/**
 * Holds the state tables against the log: every session, refresh family, user, passkey, key, client and revocation that is
 * there must have its entry. Reads both whole.
 * @throws SegnoError `store_unavailable`
 */
export async function measureCompleteness(
  { store, clock, config }: Pick<Engine, "store" | "clock" | "config">,
  storage: LogStorage,
): Promise<Completeness> {
  const { entered, fromMs, position } = await readLog(storage);
  const waitingFor = await readWaiting(store.db, position);
  const missing: Completeness["missing"][number][] = [];
  let [checked, waiting, outside, missingCount] = [0, 0, 0, 0];
  for (const kind of stateKinds) {
    const { days } = retentionOf(config.audit?.retention ?? [], tells[kind][0]);
    const keptFromMs = days === undefined ? 0 : clock.nowMs() - days * dayMs;
    for await (const { id, atMs } of factsOf(store.db, kind)) {
      if (entered[kind].has(id)) checked += 1;
      else if (waitingFor[kind].has(id)) {
        checked += 1;
        waiting += 1;
      } else if (atMs < fromMs || atMs < keptFromMs) outside += 1;
      else {
        checked += 1;
        missingCount += 1;
        if (missing.length < mostNamed) missing.push({ kind, id });
      }
    }
  }
  const ratio = checked === 0 ? 1 : (checked - missingCount) / checked;
  return { ratio, checked, missing, missingCount, waiting, outside };
}

type Told = Readonly<Record<StateKind, Set<string>>>;

const nothingTold = (): Told => {
  const sets = stateKinds.map((kind) => [kind, new Set<string>()] as const);
  return Object.fromEntries(sets) as unknown as Told;
};

function note(told: Told, type: string, event: LeafEvent): void {
  for (const kind of stateKinds) {
    const [wanted, idOf] = tells[kind];
    if (type !== wanted) continue;
    const id = idOf(event);
    if (typeof id === "string") told[kind].add(id);
  }
}

async function readLog(
  storage: LogStorage,
): Promise<{ readonly entered: Told; readonly fromMs: number; readonly position: number }> {
  const entered = nothingTold();
  let fromMs: number | undefined;
  let position = 0;
  for await (const { content } of scanLeaves(storage)) {
    if (content === undefined || isExpired(content)) continue;
    fromMs = Math.min(fromMs ?? Number.POSITIVE_INFINITY, Date.parse(content.event.time));
    position = content.position;
    note(entered, content.type, content.event);
  }
  // a log that holds nothing yet has told of nothing
  return { entered, fromMs: fromMs ?? 0, position };
}

async function readWaiting(db: Engine["store"]["db"], position: number): Promise<Told> {
  const told = nothingTold();
  for (const { type, payload } of await selectWaiting(db, position)) note(told, type, JSON.parse(payload) as LeafEvent);
  return told;
}

async function* factsOf(db: Engine["store"]["db"], kind: StateKind) {
  for (let after = ""; ; ) {
    const page = await selectFacts(db, kind, after, pageSize);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.id;
  }
}

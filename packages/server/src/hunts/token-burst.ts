import type { SegnoEvent } from "@segno/core";
import { type Finding, findingOf, type Hunt, timeOf } from "./hunt.js";

const slotMs = 5 * 60_000;
/** How many slots before make up what is usual: two hours. */
const learned = 24;
const fewestLearned = 6;
/** Times what is usual. */
const burst = 10;
/** Fewer tokens than this in a slot are no burst, however few are usual. */
const fewest = 50;

interface Client {
  slot: number;
  count: number;
  /** Counts of the slots before, the newest last. */
  readonly usual: number[];
  events: SegnoEvent[];
  open: Finding | undefined;
}

/** R046: a client that gets ten times the tokens it usually gets. */
export const tokenBurst: Hunt = {
  name: "token-burst",
  summary: "a client gets ten times the tokens it usually gets",
  runbook: "token-burst",
  start() {
    const clients = new Map<string, Client>();
    const found: Finding[] = [];
    const judge = (about: string, client: Client): void => {
      const mean = client.usual.reduce((sum, count) => sum + count, 0) / Math.max(client.usual.length, 1);
      const isBurst =
        client.usual.length >= fewestLearned && client.count >= fewest && client.count > burst * Math.max(mean, 1);
      if (!isBurst) return;
      const what = `${client.count} tokens in five minutes, usual are ${Math.round(mean)}`;
      if (client.open === undefined) {
        client.open = findingOf("token-burst", about, what, client.events);
        found.push(client.open);
        return;
      }
      const grown = { ...client.open, what, until: client.events.at(-1)?.time ?? client.open.until };
      found[found.indexOf(client.open)] = grown;
      client.open = grown;
    };
    return {
      see(event) {
        if (event.type !== "token.issued" || event.clientId === null) return;
        const about = `client:${event.clientId}`;
        const slot = Math.floor(timeOf(event) / slotMs);
        const client = clients.get(about) ?? { slot, count: 0, usual: [], events: [], open: undefined };
        clients.set(about, client);
        if (slot > client.slot) close(client, slot);
        client.count += 1;
        if (client.events.length < 20) client.events.push(event);
        judge(about, client);
      },
      findings: () => found,
    };
  },
};

/** A slot of a burst teaches nothing: else the second hour of it would be usual. */
function close(client: Client, slot: number): void {
  if (client.open === undefined) client.usual.push(client.count);
  for (let empty = client.slot + 1; empty < Math.min(slot, client.slot + learned); empty += 1) client.usual.push(0);
  client.usual.splice(0, Math.max(0, client.usual.length - learned));
  const isOver = client.count < fewest;
  Object.assign(client, { slot, count: 0, events: [], open: isOver ? undefined : client.open });
}

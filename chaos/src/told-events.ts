import { sleep } from "./http.ts";
import type { ForkedNode } from "./nodes/fork-node.ts";
import type { ToldEvent } from "./nodes/sinks.ts";

/** A receiver of events as a node sees it. */
interface ConsumerFacts {
  readonly name: string;
  readonly lag: number;
  readonly waiting: number;
  /** How often in a row it was away. */
  readonly failures: number;
}

/** What became of the node's only sink. @throws Error when it has none */
export async function readSinkFacts(node: ForkedNode, name: string): Promise<ConsumerFacts> {
  const all = await node.ask<readonly ConsumerFacts[]>("consumers");
  const found = all.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no receiver ${name}`);
  return found;
}

/** Waits until a sink has everything or has set it aside. @returns whether it did in that time */
export async function untilTaken(node: ForkedNode, name: string, forMs = 30_000): Promise<boolean> {
  const endMs = performance.now() + forMs;
  while (performance.now() < endMs) {
    const { lag, waiting } = await readSinkFacts(node, name);
    if (lag === 0 && waiting === 0) return true;
    await sleep(50);
  }
  return false;
}

/** How often an event came after a later one of its subject; what came again is not counted. */
export function countOutOfOrder(told: readonly Pick<ToldEvent, "position" | "cloudEvent">[]): number {
  const last = new Map<string, number>();
  const seen = new Set<number>();
  let count = 0;
  for (const { position, cloudEvent } of told) {
    const { subject } = JSON.parse(cloudEvent) as { subject?: string };
    if (subject === undefined || seen.has(position)) continue;
    seen.add(position);
    if (position < (last.get(subject) ?? 0)) count += 1;
    else last.set(subject, position);
  }
  return count;
}

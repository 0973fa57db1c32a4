// A suite on every kind of database, with as many engines as a test opens: they are stopped after it, newest first.
import { afterEach, beforeEach, describe, it } from "vitest";
import type { StoreSource } from "../src/storage/index.js";
import { besides, type Node, openNode } from "./engine-kit.js";
import { type TestDatabase, testDatabases } from "./stores.js";

type NodeOptions = NonNullable<Parameters<typeof openNode>[1]>;

export interface Nodes {
  /** What kind of database this is, as `testDatabases` names it. */
  readonly kind: string;
  /** The test's own database, empty at first. */
  readonly database: () => TestDatabase;
  /** One more engine on it. @param wrap puts something between the engine and its store */
  open(options?: NodeOptions, wrap?: (source: StoreSource) => StoreSource): Promise<Node>;
}

export function describeNodes(name: string, suite: (nodes: Nodes) => void): void {
  describe.each(testDatabases)(`${name}: $name`, ({ name: kind, skipped, create }) => {
    if (skipped !== undefined) {
      it.skip(skipped, () => {});
      return;
    }
    let database: TestDatabase;
    const opened: Node[] = [];
    beforeEach(async () => {
      database = await create();
    });
    afterEach(async () => {
      for (const node of opened.splice(0)) await node.stop();
      await database.drop();
    });
    suite({
      kind,
      database: () => database,
      async open(options = {}, wrap = (source) => source) {
        const first = opened.at(-1);
        const source = first === undefined ? database.source() : besides(first, database.source);
        const node = await openNode(wrap(source), options);
        opened.unshift(node);
        return node;
      },
    });
  });
}

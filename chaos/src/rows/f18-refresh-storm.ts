import { inspectPostgres, readEvents } from "../inspect.ts";
import { forkNode } from "../nodes/fork-node.ts";
import { createDatabase } from "../peers/peers.ts";
import { grant, grantOf, refresh, signUpFirst } from "../people.ts";
import { type ChaosRow, figure } from "../report.ts";

const tabs = 200;
const graceMs = 30_000;

export const refreshStorm: ChaosRow = {
  name: "F18",
  what: "200 tabs refresh one token at once, on two nodes; then 200 more after the overlap",
  compressed: "the overlap of 30 s passes on the nodes' clocks",
  breaks: "the overlap (refreshGraceSeconds: 0)",
  async run(options) {
    const url = await createDatabase(await options.peers.postgres());
    const engine = {
      database: { kind: "postgres", url, max: 10, connectTimeoutMs: 15_000 },
      ...(options.isBroken ? { tokens: { refreshGraceSeconds: 0 } } : {}),
    };
    const nodes = [await forkNode("engine", engine), await forkNode("engine", engine)];
    const storm = (token: string) =>
      Promise.all(Array.from({ length: tabs }, (_, tab) => refresh({ port: nodes[tab % 2]?.port ?? 0 }, token)));
    const { refreshToken } = await grant(await signUpFirst(() => nodes[0]?.port ?? 0));
    const inspector = inspectPostgres(url);
    const generationOf = () => inspector.count("select generation from segno_refresh_families");
    const firstGeneration = await generationOf();

    const inside = await storm(refreshToken);
    const good = inside.filter(({ status }) => status === 200).map(grantOf);
    const successors = new Set(good.map((each) => each.refreshToken));
    const [successor = ""] = successors;
    const rotations = (await generationOf()) - firstGeneration;
    const alertsInside = await alertsOf();
    await Promise.all(nodes.map((node) => node.ask("advance", graceMs + 1_000)));
    const outside = await storm(refreshToken);
    const after = await refresh({ port: nodes[1]?.port ?? 0 }, successor);
    const alertsOutside = await alertsOf();
    const families = await inspector.count("select count(*) from segno_refresh_families");
    await inspector.close();
    await Promise.all(nodes.map((node) => node.stop()));

    async function alertsOf(): Promise<number> {
      return (await readEvents(inspector)).filter(({ type }) => type === "risk.alert").length;
    }
    return [
      figure({
        row: "F18",
        what: `tabs signed out inside the overlap, of ${tabs}`,
        figure: tabs - good.length,
        atMost: 0,
      }),
      figure({ row: "F18", what: "different successors handed out", figure: successors.size, atLeast: 1, atMost: 1 }),
      figure({ row: "F18", what: "rotations of the family", figure: rotations, atLeast: 1, atMost: 1 }),
      figure({ row: "F18", what: "alerts inside the overlap", figure: alertsInside, atMost: 0 }),
      figure({
        row: "F18",
        what: `tabs refused outside the overlap, of ${tabs}`,
        figure: outside.filter(({ status }) => status === 400).length,
        atLeast: tabs,
      }),
      figure({ row: "F18", what: "alerts outside the overlap", figure: alertsOutside, atLeast: 1, atMost: 1 }),
      figure({ row: "F18", what: "families left alive after it", figure: after.status === 200 ? 1 : 0, atMost: 0 }),
      figure({ row: "F18", what: "families in all", figure: families, atLeast: 1, atMost: 1 }),
    ];
  },
};

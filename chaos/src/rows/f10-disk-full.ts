import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseTrustedKeys, verifyLog } from "@segno/server/audit";
import { readLeaves } from "../audit-files.ts";
import { type Answer, percentile, sleep } from "../http.ts";
import { countHalfMade, countLost, type Inspector, inspectSqlite } from "../inspect.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { grant, issueToken, jtiOf, type Person, readSession, signUpMany } from "../people.ts";
import { type ChaosRow, figure } from "../report.ts";
import { seeded } from "../seeded.ts";
import { smallDisk } from "../small-disk.ts";
import { tamperings } from "../tamper.ts";
import { temporaryFolder } from "../temporary-folder.ts";

export const diskFull: ChaosRow = {
  name: "F10",
  what: "the disk with the database, its write-ahead log, the outbox and the audit log is full to its last byte; then a kill -9; then there is room",
  compressed: "a file system of 8 MB; full for 3 s (--smoke: 1 s); SQLite alone",
  breaks: "what a verifier holds against a record: the exported log's last file is cut off after the recovery",
  async run(options) {
    const disk = smallDisk(8);
    const file = join(disk.folder, "segno.db");
    const boot = () => forkNode("engine", { database: { kind: "sqlite", file }, audit: {} });
    let node = await boot();
    const people = await signUpMany(4, () => node.port);
    const users = people.map(({ userId }) => userId);
    const tokens: string[] = [];
    for (const person of people) tokens.push(jtiOf((await grant(person)).accessToken));
    const exported = join(disk.folder, "audit");
    await node.ask("exportAudit", exported);

    disk.fill();
    const full = await useFull(node, { people, tokens, forMs: options.isSmoke ? 1_000 : 3_000 });
    // an export that cannot be written must not look like one
    const exporting = await node.ask("exportAudit", exported).then(
      () => "exported",
      (error: Error) => error.message,
    );
    const health = await node.ask<{ status: string }>("health");
    await node.kill();
    disk.free();
    const sinceMs = performance.now();
    node = await boot();
    const back = await untilWritten(node, people, tokens);
    const recoveredMs = performance.now() - sinceMs;
    const keys = parseTrustedKeys(await node.ask<string>("exportAudit", exported));
    if (options.isBroken) tearOf(exported, 1);
    const report = await verifyLog(exported, { keys });
    const inspector = inspectSqlite(file);
    const lost = await countLost(inspector, { users, tokens });
    const halfMade = Object.values(await countHalfMade(inspector)).reduce((sum, count) => sum + count, 0);
    const differing = options.isBroken ? 0 : await countDiffering(inspector, exported);
    const [integrity] = await inspector.rows<{ integrity_check: string }>("pragma integrity_check");
    await inspector.close();
    const torn = await countAccepted(exported, keys, options.isSmoke ? 10 : 100);
    await node.stop();
    disk.remove();
    return [
      figure({ row: "F10", what: "audited actions refused with 503 and a problem", figure: full.refused, atLeast: 5 }),
      figure({
        row: "F10",
        what: `answers of another kind, or that tell of the disk, of ${full.asked}`,
        figure: full.other,
        atMost: 0,
      }),
      figure({ row: "F10", what: `sessions not read meanwhile, of ${full.reads}`, figure: full.unread, atMost: 0 }),
      figure({
        row: "F10",
        what: `an answer takes, p99, ms`,
        figure: Math.round(full.p99),
        atMost: 6_000,
        note: `health: ${health.status}; an export says: ${exporting.slice(0, 100)}`,
      }),
      figure({
        row: "F10",
        what: "exports onto the full disk that claim to be done",
        figure: exporting === "exported" ? 1 : 0,
        atMost: 0,
      }),
      figure({
        row: "F10",
        what: "after the kill: seconds until a token is issued again",
        figure: back ? recoveredMs / 1_000 : Number.NaN,
        ...(options.isSmoke ? {} : { atMost: 10 }),
      }),
      figure({
        row: "F10",
        what: `acknowledged changes lost or doubled, of ${users.length + tokens.length}; half-made rows; integrity`,
        figure: lost + halfMade + (integrity?.integrity_check === "ok" ? 0 : 1),
        atMost: 0,
      }),
      figure({
        row: "F10",
        what: `faults of the audit log in ${report.size} leaves, and leaves without an event or the other way round`,
        figure: report.problemCount + differing,
        atMost: 0,
      }),
      figure({ row: "F10", what: "records cut off by hand that a verifier accepts", figure: torn, atMost: 0 }),
    ];
  },
};

interface Using {
  readonly people: readonly Person[];
  readonly tokens: string[];
  readonly forMs: number;
}

/** Asks for tokens, each an event, and reads, until there were refusals for a while. */
async function useFull(node: ForkedNode, { people, tokens, forMs }: Using) {
  const counts = { asked: 0, refused: 0, other: 0, reads: 0, unread: 0 };
  const took: number[] = [];
  const endMs = performance.now() + 20_000;
  let fullSinceMs = Number.POSITIVE_INFINITY;
  while (performance.now() < Math.min(endMs, fullSinceMs + forMs)) {
    const answers = await Promise.all(people.map(({ cookie }) => issueToken({ port: node.port }, cookie)));
    for (const answer of answers) {
      counts.asked += 1;
      took.push(answer.tookMs);
      if (answer.status === 200) tokens.push(tokenIdOf(answer));
      else if (isCleanRefusal(answer)) counts.refused += 1;
      else counts.other += 1;
    }
    if (counts.refused > 0) fullSinceMs = Math.min(fullSinceMs, performance.now());
    const reads = await Promise.all(people.map(({ cookie }) => readSession({ port: node.port }, cookie)));
    counts.reads += reads.length;
    counts.unread += reads.filter(({ status }) => status !== 200).length;
  }
  return { ...counts, p99: percentile(took, 0.99) };
}

const tokenIdOf = ({ text }: Answer): string => jtiOf((JSON.parse(text) as { accessToken: string }).accessToken);

function isCleanRefusal({ status, headers, text }: Answer): boolean {
  const isProblem = String(headers["content-type"]).startsWith("application/problem+json");
  return status === 503 && isProblem && !/SQLITE|disk|ENOSPC|at .*\.[jt]s/i.test(text);
}

/** @returns whether every one of them was issued a token again within ten seconds */
async function untilWritten(node: ForkedNode, people: readonly Person[], tokens: string[]): Promise<boolean> {
  for (const { cookie } of people) {
    const endMs = performance.now() + 10_000;
    let answer = await issueToken({ port: node.port }, cookie);
    while (answer.status !== 200 && performance.now() < endMs) {
      await sleep(50);
      answer = await issueToken({ port: node.port }, cookie);
    }
    if (answer.status !== 200) return false;
    tokens.push(tokenIdOf(answer));
  }
  return true;
}

async function countDiffering(inspector: Inspector, folder: string): Promise<number> {
  const rows = await inspector.rows<{ id: string }>(
    "select id from segno_outbox where type not like 'ui.%' order by position",
  );
  const leaves = readLeaves(folder).map(({ event }) => event.id);
  // events of the moment in between are in one of them only
  const known = new Set(rows.map(({ id }) => id));
  return leaves.filter((id, index) => rows[index]?.id !== id || !known.has(id)).length;
}

const tearOf = (folder: string, seed: number): number =>
  tamperings.find(({ name }) => name.includes("cut off"))?.apply(folder, seeded(seed)) ?? 0;

/** Cuts the last record off in many ways. @returns how often that is not noticed */
async function countAccepted(
  folder: string,
  keys: Parameters<typeof verifyLog>[1]["keys"],
  times: number,
): Promise<number> {
  let accepted = 0;
  const copy = join(temporaryFolder(), "copy");
  for (let seed = 1; seed <= times; seed += 1) {
    cpSync(folder, copy, { recursive: true });
    tearOf(copy, seed);
    if ((await verifyLog(copy, { keys })).ok) accepted += 1;
    rmSync(copy, { recursive: true });
  }
  return accepted;
}

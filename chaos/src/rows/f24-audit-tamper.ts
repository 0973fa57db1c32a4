import { generateKeyPairSync } from "node:crypto";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type LogProblem, type LogReport, parseTrustedKeys, verifyLog } from "@segno/server/audit";
import { sleep } from "../http.ts";
import { forkNode } from "../nodes/fork-node.ts";
import { runTool } from "../nodes/run-command.ts";
import { issueToken, signUpMany } from "../people.ts";
import { type ChaosRow, type Figure, figure, type RunOptions } from "../report.ts";
import { seeded } from "../seeded.ts";
import { sqliteFile } from "../sqlite-file.ts";
import { rollBack, type Tampering, tamperings } from "../tamper.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { signedSize } from "../audit-files.ts";

export const auditTamper: ChaosRow = {
  name: "F24",
  what: "somebody edits, drops, reorders, puts in and cuts off leaves of the exported audit log, and rolls all of it back",
  compressed:
    "10 of each kind (--smoke: 3, --long: 500), one of each with the built command in a process of its own (--smoke: one)",
  breaks: "the checkpoint kept elsewhere, and the witness",
  async run(options) {
    const log = await writeLog(options);
    const sound = await verifyByCommand(log.folder, log);
    const byCommand = options.isSmoke ? tamperings.slice(0, 1) : tamperings;
    const random = seeded(24);
    const counts = { done: 0, unseen: 0, unnamed: 0, byCommand: 0 };
    const note = ({ ok, problems }: LogReport, leaf: number, { name }: Tampering) => {
      counts.done += 1;
      if (ok) counts.unseen += 1;
      if (problems.some((problem) => names(problem, leaf))) return;
      counts.unnamed += 1;
      options.say(`${name}: leaf ${leaf}, found ${JSON.stringify(problems.slice(0, 3))}`);
    };
    const copy = join(temporaryFolder(), "copy");
    const keys = parseTrustedKeys(log.keys);
    for (const tampering of tamperings) {
      const times = options.isLong ? 500 : options.isSmoke ? 3 : 10;
      for (let turn = 0; turn < times; turn += 1) {
        cpSync(log.folder, copy, { recursive: true });
        const leaf = tampering.apply(copy, random);
        note(await verifyLog(copy, { keys }), leaf, tampering);
        if (turn === 0 && byCommand.includes(tampering)) {
          const { report, code } = await verifyByCommand(copy, log);
          counts.byCommand += code === 1 ? 1 : 0;
          note(report, leaf, tampering);
        }
        rmSync(copy, { recursive: true });
      }
    }
    return [
      figure({
        row: "F24",
        what: `problems the command finds in the log as it is, of ${sound.report.size} leaves`,
        figure: sound.report.problemCount + sound.code,
        atMost: 0,
      }),
      figure({
        row: "F24",
        what: `tamperings that were not detected, of ${counts.done}`,
        figure: counts.unseen,
        atMost: 0,
      }),
      figure({ row: "F24", what: "tamperings of which the leaf was not named", figure: counts.unnamed, atMost: 0 }),
      figure({
        row: "F24",
        what: `kinds for which segno audit verify ended with 1, of ${byCommand.length}`,
        figure: counts.byCommand,
        atLeast: byCommand.length,
      }),
      ...(await rolledBack(log, options)),
    ];
  },
};

/** Whether a problem is about that leaf. */
function names({ from, to }: LogProblem, leaf: number): boolean {
  return from !== undefined && from <= leaf && leaf < (to ?? from + 1);
}

interface WrittenLog {
  readonly folder: string;
  /** The same log some hundred leaves earlier. */
  readonly earlier: string;
  readonly keys: string;
  readonly keysFile: string;
}

async function writeLog({ isSmoke }: RunOptions): Promise<WrittenLog> {
  const node = await forkNode("engine", { database: sqliteFile(), audit: {} });
  const base = temporaryFolder();
  const [folder, earlier, keysFile] = [join(base, "log"), join(base, "earlier"), join(base, "keys.txt")];
  const people = await signUpMany(isSmoke ? 4 : 10, () => node.port);
  const act = async (rounds: number) => {
    for (let round = 0; round < rounds; round += 1)
      await Promise.all(people.map(({ cookie }) => issueToken({ port: node.port }, cookie)));
  };
  await act(isSmoke ? 20 : 30);
  await node.ask("exportAudit", earlier);
  await act(isSmoke ? 60 : 60);
  // not a whole number of files
  for (let tries = 0; tries < 10; tries += 1) {
    await node.ask("exportAudit", folder);
    if (signedSize(folder) % 256 > 8) break;
    await act(1);
    await sleep(10);
  }
  const keys = await node.ask<string>("exportAudit", folder);
  writeFileSync(keysFile, keys);
  await node.stop();
  return { folder, earlier, keys, keysFile };
}

async function verifyByCommand(folder: string, { keysFile }: WrittenLog, more: readonly string[] = []) {
  const { code, stdout } = await runTool(["audit", "verify", folder, "--keys", keysFile, ...more, "--json"]);
  return { code, report: (JSON.parse(stdout) as { report: LogReport }).report };
}

/** A checkpoint that was kept elsewhere, and a witness that saw the newer log, each find that all of it was put back. */
async function rolledBack(log: WrittenLog, { isBroken }: RunOptions): Promise<readonly Figure[]> {
  const base = temporaryFolder();
  const [pem, state, policy, known] = ["witness.pem", "state", "policy.txt", "known"].map((name) =>
    join(base, name),
  ) as [string, string, string, string];
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(pem, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  const witness = ["audit", "witness", "--name", "witness.example/one", "--key", pem, "--keys", log.keysFile];
  const shown = await runTool([...witness, "--state", state, "--show-key"]);
  writeFileSync(policy, `witness one ${shown.stdout.trim()}\nquorum one\n`);
  const seen = await runTool([...witness, "--state", state, "--log", log.folder, "--keep"]);
  cpSync(join(log.folder, "checkpoint"), known);
  const agreed = await verifyByCommand(log.folder, log, ["--policy", policy, "--known", known]);
  rollBack(log.folder, log.earlier);
  const byKnown = await verifyByCommand(log.folder, log, isBroken ? [] : ["--known", known]);
  const byPolicy = await verifyByCommand(log.folder, log, isBroken ? [] : ["--policy", policy]);
  const again = await runTool([...witness, "--state", state, "--log", log.folder]);
  const code = (report: LogReport) => report.problems[0]?.code ?? "nothing";
  const size = Number(readFileSync(known, "utf8").split("\n")[1]);
  return [
    figure({
      row: "F24",
      what: `ways to find that ${size - signedSize(log.folder)} leaves were rolled back, of 3: --known (${code(byKnown.report)}), --policy (${code(byPolicy.report)}), the witness itself`,
      figure: [byKnown.code, byPolicy.code, again.code].filter((each) => each === 1).length,
      atLeast: 3,
    }),
    figure({
      row: "F24",
      what: "problems the same checks find before that",
      figure: agreed.code + agreed.report.problemCount + seen.code,
      atMost: 0,
    }),
  ];
}

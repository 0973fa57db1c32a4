import { existsSync } from "node:fs";
import process from "node:process";
import type { Segno, SegnoInspection } from "@segno/server";
import type { Command, CommandInput } from "../command.js";
import { faultsOf, UsageError } from "../failure.js";
import { checkClientIp } from "./check-client-ip.js";
import { checkConfiguration } from "./check-configuration.js";
import { checkFaults } from "./check-faults.js";
import { checkKeys } from "./check-keys.js";
import { checkHotState, checkStore } from "./check-store.js";
import { checkUrl } from "./check-url.js";
import { fail, type Finding, findingsText, ok, pages, warn } from "./finding.js";

export const doctorCommand: Command = {
  name: "doctor",
  summary: "says what is wrong with the configuration and around it, each with its fix",
  notes: [
    "Changes nothing in the database. With --url it also asks the running engine: its clock, issuer,",
    "health, cookies and origin check; for that it begins one passkey attempt, which ends by itself.",
  ],
  options: {
    url: { type: "string", value: "URL", help: "where the engine runs, for example https://app.example.com" },
    forwarded: { type: "string", value: "LIST", help: "a sample X-Forwarded-For: says whose address would count" },
    peer: { type: "string", value: "ADDRESS", help: "the proxy that sample comes from; else the first listed one" },
  },
  example: "$ segno doctor --config ./segno.ts --forwarded 203.0.113.9 --url https://app.example.com",
  failsWhen: "a line says fail",
  async run(input) {
    const findings = await examine(input);
    const isOk = findings.every(({ level }) => level !== "fail");
    return { ok: isOk, json: { findings }, text: findingsText(findings, input.terminal) };
  },
};

async function examine(input: CommandInput): Promise<readonly Finding[]> {
  const sample = readSample(input.values);
  const surroundings = [checkNode(), ...checkSource(input)];
  let engine: Segno;
  try {
    engine = await input.engine("everything");
  } catch (error) {
    const faults = faultsOf(error);
    if (faults === undefined) throw error;
    return [...surroundings, ...checkFaults(faults), ...(await checkStoreAlone(input))];
  }
  const inspection = await engine.inspect(sample);
  const { configuration, keys } = inspection;
  const { url } = input.values;
  return [
    ...surroundings,
    ...checkConfiguration(configuration),
    checkClientIp(inspection),
    ...checkMail(inspection, typeof input.values["config"] === "string"),
    ...checkStore(inspection),
    ...checkHotState(inspection.hotState),
    ...checkKeys(keys, inspection.atMs),
    ...(typeof url === "string" ? await checkUrl(new URL(url), { configuration, nowMs: engine.clock.nowMs }) : []),
  ];
}

/** Faults elsewhere need not hide those of the database, where the environment names it. */
async function checkStoreAlone({ values, engine }: CommandInput): Promise<readonly Finding[]> {
  if (typeof values["config"] === "string") return [];
  try {
    return checkStore(await (await engine("store")).inspect());
  } catch {
    return [];
  }
}

function readSample({ forwarded, peer, url }: CommandInput["values"]): { forwarded?: string; peer?: string } {
  const fix = "See what it takes: segno doctor --help";
  if (typeof forwarded === "string" && !/^[\x20-\x7e]{0,1000}$/.test(forwarded))
    throw new UsageError("--forwarded holds what no header can.", fix);
  if (typeof url === "string" && !/^https?:\/\/[^/?#@]+\/?$/.test(url))
    throw new UsageError("--url must be an origin, such as https://app.example.com.", fix);
  return {
    ...(typeof forwarded === "string" ? { forwarded } : {}),
    ...(typeof peer === "string" ? { peer } : {}),
  };
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const found = `Node ${process.versions.node}`;
  if (major > 22 || (major === 22 && minor >= 13)) return ok("node", found);
  return fail("node", `${found} has no SQLite of its own`, {
    fix: "Use Node 22.13 or newer; 24 is best",
    docs: "docs/quick-start/express.md",
  });
}

/** Where the configuration came from; a module beside us that nobody named is a frequent surprise. */
function checkSource({ values, environment }: CommandInput): readonly Finding[] {
  const { config } = values;
  if (typeof config === "string") return [ok("configuration", `from ${config}`)];
  const isNamed = ["SEGNO_URL", "SEGNO_DATABASE_URL", "SEGNO_SECRET"].some((name) => environment[name] !== undefined);
  const nearby = ["./segno.ts", "./segno.js", "./src/segno.ts"].find((file) => existsSync(file));
  if (isNamed || nearby === undefined) return [ok("configuration", "from the environment (SEGNO_*)")];
  return [
    warn("configuration", `from the environment, which names nothing, although there is a ${nearby}`, {
      fix: `Did you mean: segno doctor --config ${nearby}`,
      docs: pages.commandLine,
    }),
  ];
}

function checkMail({ configuration }: SegnoInspection, isModule: boolean): readonly Finding[] {
  if (!isModule) return [ok("mail", "not looked at: only a module given by --config says how mail leaves")];
  if (!configuration.mailbox) return [ok("mail", "leaves through the transport of the configuration")];
  return [ok("mail", "stays in the built-in mailbox, which production refuses")];
}

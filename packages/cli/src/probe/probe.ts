import type { Command, CommandInput } from "../command.js";
import { CommandError, UsageError } from "../failure.js";
import type { Terminal } from "../terminal.js";
import { readProbeFile, requireNoProbeFile, writeProbeFile } from "./probe-file.js";
import { checkSession, checkToken, discover, enrol, fetchToken, signIn, signOut } from "./sign-in.js";
import { openSite, ProbeFault } from "./site.js";

const timeoutMs = 10_000;
const common = {
  url: { type: "string", value: "URL", help: "where people sign in, for example https://app.example.com" },
  file: { type: "string", value: "FILE", help: "holds the account's passkey; nobody else may read it" },
} as const;

export const probeEnrolCommand: Command = {
  name: "probe enrol",
  summary: "makes an account of its own for segno probe",
  notes: [
    "Signs up with a passkey in software and keeps its private key in the file. Do it once. The account",
    "has no address and no rights; delete it like any other. Sign-up must be open.",
  ],
  options: common,
  example: "$ segno probe enrol --url https://app.example.com --file probe.json",
  failsWhen: "the file is there already, or the service makes no account",
  async run(input) {
    const { origin, file } = readTarget(input);
    requireNoProbeFile(file);
    try {
      const { passkey, subject } = await enrol(openSite(origin, timeoutMs));
      writeProbeFile(file, origin, passkey);
      return { ok: true, json: { origin, file, subject }, text: `Account ${subject} is made; its key is in ${file}.` };
    } catch (error) {
      if (!(error instanceof ProbeFault)) throw error;
      throw new CommandError({
        code: "probe_failed",
        cause: `${origin}: ${error.message}.`,
        fix: "See what the service thinks of itself: segno doctor --url",
        docs: "docs/concepts/service-levels.md#a-sign-in-from-outside",
      });
    }
  },
};

/** One thing the probe did. */
interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  /** What did not work; null when it did. */
  readonly fault: string | null;
}

export const probeCommand: Command = {
  name: "probe",
  summary: "signs in from outside, as a person would, and says how long each step took",
  notes: [
    "Needs the file of segno probe enrol and no configuration: run it where your users are. Stops at the",
    "first step that fails. Its events have the device class probe, and the funnel leaves them out.",
  ],
  options: {
    ...common,
    under: { type: "string", value: "MS", help: "fails when all steps together take longer" },
  },
  example: "$ segno probe --url https://app.example.com --file probe.json --under 1000",
  failsWhen: "a step fails, or the whole takes longer than --under",
  async run(input) {
    const { origin, file } = readTarget(input);
    const underMs = readUnder(input.values);
    const steps = await runSteps(origin, readProbeFile(file, origin));
    const ms = steps.reduce((sum, step) => sum + step.ms, 0);
    const isDone = steps.every(({ ok }) => ok);
    const isSlow = underMs !== undefined && ms > underMs;
    const total = { ms, underMs: underMs ?? null, isSlow };
    return {
      ok: isDone && !isSlow,
      json: { origin, steps, ...total },
      text: [...steps.map((step) => line(input.terminal, step)), totalText(total)].join("\n"),
    };
  },
};

async function runSteps(origin: string, passkey: ReturnType<typeof readProbeFile>): Promise<readonly Step[]> {
  const site = openSite(origin, timeoutMs);
  const steps: Step[] = [];
  const step = async <Value>(name: string, work: () => Promise<Value>): Promise<Value> => {
    const beganMs = performance.now();
    const tookMs = () => Math.round(performance.now() - beganMs);
    try {
      const value = await work();
      steps.push({ name, ok: true, ms: tookMs(), fault: null });
      return value;
    } catch (error) {
      if (error instanceof ProbeFault) steps.push({ name, ok: false, ms: tookMs(), fault: error.message });
      throw error;
    }
  };
  try {
    const target = await step("reach", () => discover(site));
    const subject = await step("sign in", () => signIn(site, target, passkey));
    await step("session", () => checkSession(site, target, subject));
    const token = await step("token", () => fetchToken(site, target));
    await step("verify token", () => checkToken(site, target, token));
    await step("sign out", () => signOut(site, target));
  } catch (error) {
    if (!(error instanceof ProbeFault)) throw error;
  }
  return steps;
}

function line(terminal: Terminal, { name, ok, ms, fault }: Step): string {
  const mark = ok ? terminal.paint("green", "ok  ") : terminal.paint("red", "fail");
  return `${mark}  ${name.padEnd(13)}${String(ms).padStart(6)} ms${fault === null ? "" : `  ${fault}`}`;
}

function totalText({
  ms,
  underMs,
  isSlow,
}: {
  readonly ms: number;
  readonly underMs: number | null;
  readonly isSlow: boolean;
}) {
  const limit = underMs === null ? "" : isSlow ? `, over the limit of ${underMs} ms` : `, limit ${underMs} ms`;
  return `      ${"in all".padEnd(13)}${String(ms).padStart(6)} ms${limit}`;
}

function readTarget({ values }: CommandInput): { readonly origin: string; readonly file: string } {
  const { url, file } = values;
  if (typeof url !== "string" || !/^https?:\/\/[^/?#@\s]+\/?$/.test(url) || !URL.canParse(url))
    throw new UsageError("--url must be an origin.", "Give where people sign in: --url https://app.example.com");
  const { origin, protocol, hostname } = new URL(url);
  if (protocol === "http:" && !/^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
    throw new UsageError(
      "--url must be https, or http on this machine.",
      "Passkeys need TLS: --url https://app.example.com",
    );
  if (typeof file !== "string" || file === "")
    throw new UsageError("--file is missing.", "Give the file of the probe's account: --file probe.json");
  return { origin, file };
}

function readUnder({ under }: CommandInput["values"]): number | undefined {
  if (under === undefined) return undefined;
  if (typeof under !== "string" || !/^[1-9]\d{0,6}$/.test(under))
    throw new UsageError("--under takes whole milliseconds.", "Give a number: --under 1000");
  return Number(under);
}

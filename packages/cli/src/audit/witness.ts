import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { openWitness, parseTrustedKeys, pemSigner, type Witness } from "@segno/server/audit";
import type { Command, CommandInput, Outcome } from "../command.js";
import { UsageError } from "../failure.js";
import { openFolder, parseFile, tellingAudit } from "./inputs.js";

export const auditWitnessCommand: Command = {
  name: "audit witness",
  summary: "cosigns what goes on from what it saw before, and nothing else",
  notes: [
    "Run it where whoever can change the log cannot. It remembers one checkpoint for each log.",
    "With --log it looks once, as a job; with --listen it serves C2SP tlog-witness until it is stopped.",
    "A key: openssl genpkey -algorithm ed25519 -out witness.pem",
  ],
  options: {
    name: { type: "string", value: "NAME", help: "its name in signatures, such as witness.example/one" },
    key: { type: "string", value: "FILE", help: "its private Ed25519 key, PEM" },
    keys: { type: "string", value: "FILE", help: "the public keys of the logs it knows" },
    state: { type: "string", value: "DIR", help: "where it remembers" },
    log: { type: "string", value: "DIR", help: "looks once at this log in files" },
    keep: { type: "boolean", help: "with --log: keeps the signature in the log's files" },
    listen: { type: "string", value: "PORT", help: "serves, on 127.0.0.1" },
    "show-key": { type: "boolean", help: "only prints its public key, for the policies of verifiers" },
  },
  example:
    "$ segno audit witness --name witness.example/one --key witness.pem --keys keys.txt \\\n    --state ./witness --log ./audit",
  failsWhen: "the log was rolled back or forked, or is not known",
  async run({ values, terminal }) {
    const name = required(values, "name", "witness.example/one");
    const signer = parseFile(required(values, "key", "witness.pem"), (pem) => pemSigner(name, pem));
    const keys = parseFile(required(values, "keys", "keys.txt"), parseTrustedKeys);
    const folder = required(values, "state", "./witness");
    const witness = await openWitness({ folder, keys, signer });
    const { verifierKey } = witness;
    try {
      if (values["show-key"] === true) return { ok: true, json: { key: verifierKey }, text: verifierKey };
      const { log, listen } = values;
      if (typeof log === "string") return await lookOnce(witness, log, values["keep"] === true);
      if (typeof listen !== "string" || !/^\d{1,5}$/.test(listen))
        throw new UsageError("It is to look at nothing.", "Give --log DIR to look once, or --listen PORT to serve.");
      const say = () => terminal.note(`${verifierKey}\nlistening on http://127.0.0.1:${listen}`);
      await serve(witness, Number(listen), say);
      return { ok: true, json: { key: verifierKey }, text: "stopped" };
    } finally {
      witness.close();
    }
  },
};

async function lookOnce(witness: Witness, folder: string, isKept: boolean): Promise<Outcome> {
  const storage = await openFolder(folder, isKept);
  try {
    return await tellingAudit(async () => {
      const lines = await witness.cosign(storage);
      const seen = await storage.latestCheckpoint();
      if (isKept && seen !== undefined) await storage.keepCheckpoint({ size: seen.size, note: `${seen.note}${lines}` });
      return { ok: true, json: { key: witness.verifierKey, signature: lines.trim() }, text: lines.trim() };
    });
  } finally {
    await storage.close();
  }
}

function serve(witness: Witness, port: number, onListening: () => void): Promise<void> {
  const server = createServer((incoming, outgoing) => void answer(witness, incoming, outgoing));
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    process.once("SIGTERM", () => server.close(() => resolve()));
    server.listen(port, "127.0.0.1", onListening);
  });
}

/** Longer than any request for a cosignature. */
const maxBodyBytes = 200_000;

async function answer(witness: Witness, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of incoming) {
      length += (chunk as Buffer).length;
      if (length > maxBodyBytes) return void outgoing.writeHead(413).end();
      chunks.push(chunk as Buffer);
    }
    const method = incoming.method ?? "GET";
    const body = method === "POST" ? { body: Buffer.concat(chunks) } : {};
    const response = await witness.handle(new Request(`http://127.0.0.1${incoming.url ?? "/"}`, { method, ...body }));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text());
  } catch {
    outgoing.writeHead(500).end("the witness could not answer\n");
  }
}

function required(values: CommandInput["values"], name: string, example: string): string {
  const given = values[name];
  if (typeof given !== "string" || given === "")
    throw new UsageError(`--${name} is missing.`, `Give it: --${name} ${example}`);
  return given;
}

// The table of docs/concepts/configuration.md: names, types and meanings are read from config.ts, defaults are what
// resolve-config.ts makes of no options at all, and both must agree on the environment variables.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const secret = "1:an-example-secret-of-32-characters";

/** @param {string} root the workspace @returns {Promise<string>} the page */
export async function configurationPage(root) {
  const source = readFileSync(join(root, "packages/server/src/config.ts"), "utf8");
  const resolver = readFileSync(join(root, "packages/server/src/resolve-config.ts"), "utf8");
  const { resolveOptions } = await load(join(root, "packages/server/src/resolve-config.ts"));
  const { config } = resolveOptions({ secret, email: { send: async () => {} } }, {});
  const options = interfacesOf(source);
  checkEnvironment(source, resolver);
  const groups = [
    ["SegnoOptions", "", "createSegno(options)"],
    ["SignInOptions", "signIn", "signIn"],
    ["PasskeyOptions", "signIn.passkey", "signIn.passkey"],
    ["SessionOptions", "session", "session"],
    ["TokenOptions", "tokens", "tokens"],
    ["ConsentOptions", "consents.*", "consents[purpose]"],
    ["ServiceOptions", "services.*", "services[id]"],
    ["DelegationOptions", "services.*.mayActFor", "services[id].mayActFor"],
    ["ClientCertificateOptions", "clientCertificate", "clientCertificate"],
    ["KeyOptions", "keys", "keys"],
  ];
  const sections = groups.map(([name, path, title]) => {
    const rows = (options.get(name) ?? []).map((option) =>
      row(option, path === "" ? option.name : `${path}.${option.name}`, config),
    );
    return `## \`${title}\`\n\n| option | type | default | environment | meaning |\n| --- | --- | --- | --- | --- |\n${rows.join("\n")}`;
  });
  return `# Configuration

Options come first, then the environment, then the default. An empty environment variable counts as not set. Faults are never guessed
around: \`createSegno\` throws one \`TypeError\` that lists every fault and quotes no secret. Durations are numbers of seconds.

\`NODE_ENV\` is read for one thing: production refuses unsafe settings. It is production when \`NODE_ENV\` is \`production\`, or when \`baseUrl\` is not this machine
and \`NODE_ENV\` is neither \`development\` nor \`test\`. The option \`production\` overrules both. Production refuses: no \`baseUrl\`, one that is not https, no
secret, no \`clientIp\`, the built-in mailbox (while mail is a way to sign in), rate limits switched off, and a database in memory.

This page is generated from the code.

${sections.join("\n\n")}

## \`clientIp\`

| value | whose address counts | environment |
| --- | --- | --- |
| \`{ source: "socket" }\` | the socket's other end | \`SEGNO_TRUSTED_PROXIES=socket\` |
| \`{ source: "forwarded", trustedProxies: ["10.0.0.0/8"] }\` | in \`X-Forwarded-For\`, from the right, the first that is no listed proxy | \`SEGNO_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.7\` |
| \`{ source: "header", header: "cf-connecting-ip" }\` | what that header says; your platform must set it and strip it from outside | \`SEGNO_TRUSTED_PROXIES=header:cf-connecting-ip\` |

Which one is right: [rate limits and the client's address](rate-limits-and-client-ip.md). What secrets do: [keys and secrets](keys-and-secrets.md).
`;
}

/** Bundled in memory, because the sources import each other under the names they will have when built. */
async function load(entry) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    logLevel: "error",
    banner: { js: 'import { createRequire as bundled } from "node:module"; const require = bundled("/");' },
  });
  return await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

/** The members of each options interface, with their comments. */
function interfacesOf(source) {
  const found = new Map();
  for (const [, name, body] of source.matchAll(/export interface (\w+Options) \{\n([\s\S]*?)\n\}/g)) {
    const members = [...body.matchAll(/(?:\/\*\*([\s\S]*?)\*\/\s*)?readonly (\w+)\??: ([\s\S]*?);(?=\n|$)/g)];
    found.set(
      name,
      members.map(([, comment = "", member, type]) => ({
        name: member,
        type: type.replace(/\s+/g, " "),
        text: comment
          .replace(/\n\s*\* ?/g, " ")
          .replace(/\s+/g, " ")
          .trim(),
      })),
    );
  }
  return found;
}

function row({ name, type, text }, path, config) {
  if (text === "") throw new Error(`config.ts: the option ${path} has no comment`);
  const variables = [...text.matchAll(/`(SEGNO_\w+)`/g)].map(([, variable]) => `\`${variable}\``);
  // what the columns beside it say already
  const meaning = text
    .split(/(?<=[.)])\s+/)
    .filter(
      (sentence) =>
        !/^(Else `SEGNO_\w+`[^.]*\.|Default(:| `?[\w/"[\]., ]+`?\.| none\.| true\.)[^.]*\.?)$/.test(sentence),
    )
    .join(" ");
  return `| \`${name}\` | ${cell(typeOf(type))} | ${cell(defaultOf(path, text, config))} | ${variables.join(" ")} | ${meaning.replaceAll("|", "\\|")} |`;
}

const cell = (text) => text.replaceAll("|", "\\|");
const typeOf = (type) => `\`${type.replace(/readonly /g, "")}\``;

/** What the code makes of no options; in words where that depends on something else. */
function defaultOf(path, text, config) {
  const said = inWords[path];
  if (said !== undefined) return said;
  const value = path.split(".").reduce((at, part) => at?.[part], config);
  if (value === undefined) throw new Error(`resolve-config.ts: nothing says what the default of ${path} is (${text})`);
  if (typeof value === "number") return `${value}${path.endsWith("Seconds") ? inLargerUnits(value) : ""}`;
  if (Array.isArray(value) && value.length === 0) return "none";
  if (typeof value === "object" && Object.keys(value).length === 0) return "none";
  return `\`${JSON.stringify(value)}\``;
}

const inWords = {
  baseUrl: "none in production; else `http://localhost:3000`",
  issuer: "the origin of `baseUrl`",
  secret: "none in production; else made once in `./.segno/secret`",
  database: "`./.segno/segno.db`",
  signIn: "all on",
  hotState: "the database alone",
  "keys.custody": "local: sealed by `secret`, in the database",
  email: "development: the built-in mailbox",
  clientIp: "none in production; else the socket",
  clientCertificate: "the TLS socket's own",
  sharedSignals: "none",
  session: "see below",
  tokens: "see below",
  keys: "see below",
  production: "see above",
  telemetry: "none",
  place: "none",
  "consents.*.scopes": "none",
  "consents.*.version": "none: must be given",
  audit: "none",
  events: "see below",
  slos: "five objectives: sign-in success and latency, token issue and latency, key access",
  metrics: "none",
  tenant: "none",
  experiment: "none",
  logger: "JSON lines",
  clock: "the machine's",
  random: "the system's",
  fetch: "the platform's",
  "signIn.passkey": "`true`",
  "signIn.passkey.rpId": "the host name of `baseUrl`",
  "signIn.passkey.rpName": "the host name of `baseUrl`",
  "signIn.passkey.origins": "the origin of `baseUrl`",
  "tokens.audiences": "the issuer",
  "services.*.authentication": "none: must be given",
  "services.*.grants": '`["client_credentials"]`',
  "services.*.scopes": "none",
  "services.*.audiences": "none: must be given",
  "services.*.accessTokenSeconds": "`tokens.accessTokenSeconds`",
  "services.*.expiresAt": "never",
  "services.*.certificateBound": "true with a client certificate",
  "services.*.mayActFor": "nobody",
  "services.*.mayActFor.audiences": "none: must be given",
  "services.*.mayActFor.clients": "`tokens.clients`",
  "clientCertificate.header": "none: must be given",
  "clientCertificate.verifiedHeader": "none",
};

function inLargerUnits(seconds) {
  for (const [unit, size] of [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ])
    if (seconds >= size && seconds % size === 0) return ` (${seconds / size} ${unit}${seconds === size ? "" : "s"})`;
  return "";
}

/** Both files name the same variables. */
function checkEnvironment(source, resolver) {
  const inComments = new Set([...source.matchAll(/`(SEGNO_\w+)`/g)].map(([, name]) => name));
  const inCode = new Set([...resolver.matchAll(/env\("(SEGNO_\w+)"\)/g)].map(([, name]) => name));
  for (const name of inCode) if (!inComments.has(name)) throw new Error(`config.ts: no comment names ${name}`);
  for (const name of inComments) if (!inCode.has(name)) throw new Error(`resolve-config.ts: ${name} is not read`);
}

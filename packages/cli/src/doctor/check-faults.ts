import { fail, type Finding, pages } from "./finding.js";

/** What to do about a fault, by the option it names. The text of the fault says what is wrong. */
const fixes: Readonly<Record<string, string>> = {
  baseUrl: "Set SEGNO_URL (or baseUrl) to where people reach the application, for example https://app.example.com",
  basePath: 'Set basePath to where the engine is mounted, for example "/api/auth"',
  issuer: "Leave SEGNO_ISSUER unset: the origin of baseUrl is right for nearly everybody",
  secret: "Set SEGNO_SECRET to what this prints: openssl rand -base64 32. To replace one: SEGNO_SECRET=2:new,1:old",
  database: "Set SEGNO_DATABASE_URL to a file path or a postgres:// URL",
  migrations: "Set SEGNO_MIGRATIONS to auto or check",
  clientIp: "Set SEGNO_TRUSTED_PROXIES: socket (no proxy), the proxies' addresses (10.0.0.0/8), or header:NAME",
  email: "Give createSegno a transport: email: nodemailerTransport(createTransport(process.env.SMTP_URL))",
  rateLimit: "Leave out rateLimit: false",
  trustedOrigins: "List whole origins, as in SEGNO_TRUSTED_ORIGINS=https://admin.example.com",
  signIn: "Correct it in signIn: passkeys are bound to a domain that baseUrl lies under",
  tokens: "Correct it in tokens; durations are seconds",
  session: "Correct it in session; durations are seconds",
  keys: "Correct it in keys; durations are seconds",
};
const docsOf: Readonly<Record<string, string>> = { clientIp: pages.clientIp, secret: pages.keys };

/** Each fault as a line: all of them at once, so that one run is enough. */
export function checkFaults(faults: readonly string[]): readonly Finding[] {
  return faults.map((fault) => {
    const [path = "", ...rest] = fault.split(": ");
    const option = path.split(".")[0] ?? path;
    return fail(path, rest.join(": "), {
      fix: fixes[option] ?? `Correct ${path} where the engine is made`,
      docs: docsOf[option] ?? pages.configuration,
    });
  });
}

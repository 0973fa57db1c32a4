import type { InspectedConfiguration } from "@segno/server";
import { ask } from "./ask.js";
import { checkBrowser } from "./check-browser.js";
import { judgeSkew } from "./check-store.js";
import { fail, type Finding, ok, pages, warn } from "./finding.js";

interface Asked {
  readonly configuration: InspectedConfiguration;
  /** This machine's clock. */
  readonly nowMs: () => number;
}

/** Asks the running engine from outside, as a browser and a verifier would. */
export async function checkUrl(base: URL, { configuration, nowMs }: Asked): Promise<readonly Finding[]> {
  const beforeMs = nowMs();
  const answer = await ask(new URL("/.well-known/openid-configuration", base));
  if (answer instanceof Response) {
    const found = [
      checkIssuer(await answer.text(), answer, configuration),
      ...checkDate(answer, (beforeMs + nowMs()) / 2),
      ...checkProxy(answer, configuration),
      await checkHealth(base, configuration),
      ...(await checkPlainHttp(base, configuration)),
    ];
    return answer.ok ? [...found, ...(await checkBrowser(base, configuration))] : found;
  }
  return [
    fail("url", `${base.origin} does not answer: ${answer}`, {
      fix: "Start the engine, or give the address it is reached at",
      docs: pages.commandLine,
    }),
  ];
}

function checkIssuer(body: string, answer: Response, { issuer, basePath }: InspectedConfiguration): Finding {
  const path = "/.well-known/openid-configuration";
  if (answer.status >= 300 && answer.status < 400) {
    const target = answer.headers.get("location") ?? "elsewhere";
    return fail("issuer", `${path} leads on to ${target}: verifiers do not follow`, {
      fix: "Give the address people use, or let the proxy answer there itself",
      docs: pages.tokens,
    });
  }
  if (!answer.ok) {
    return fail("issuer", `${path} answers ${answer.status}: verifiers find no keys`, {
      fix: `Mount the engine at /.well-known too, beside ${basePath}`,
      docs: "docs/quick-start/express.md",
    });
  }
  const told = issuerOf(body);
  if (told === issuer) return ok("issuer", `${issuer}, as configured`);
  return fail("issuer", `the running engine says ${told ?? "nothing"}, the configuration says ${issuer}`, {
    fix: "Look at the same configuration the service runs with (SEGNO_URL, SEGNO_ISSUER)",
    docs: pages.configuration,
  });
}

function issuerOf(body: string): string | undefined {
  try {
    const { issuer } = JSON.parse(body) as { readonly issuer?: unknown };
    return typeof issuer === "string" ? issuer : undefined;
  } catch {
    return undefined;
  }
}

function checkDate(answer: Response, atMs: number): readonly Finding[] {
  const text = answer.headers.get("date");
  const dateMs = text === null ? Number.NaN : Date.parse(text);
  if (Number.isNaN(dateMs)) return [];
  // the header counts whole seconds: half of one is the best guess
  return [judgeSkew("service clock", "the service", dateMs + 500 - atMs)];
}

const proxyHeaders = [
  "via",
  "cf-ray",
  "x-amz-cf-id",
  "x-vercel-id",
  "fly-request-id",
  "x-served-by",
  "x-envoy-upstream-service-time",
];

/** A proxy that signs its answers, in front of an engine that was told of none. */
function checkProxy(answer: Response, { clientIp }: InspectedConfiguration): readonly Finding[] {
  const signs = proxyHeaders.filter((name) => answer.headers.has(name));
  const server = answer.headers.get("server") ?? "";
  if (/nginx|cloudflare|caddy|envoy|haproxy|apache|litespeed/i.test(server)) signs.push(`server: ${server}`);
  if (signs.length === 0) return [];
  if (clientIp !== null && clientIp.source !== "socket")
    return [ok("proxy", `one answers (${signs.join(", ")}), and clientIp knows of it`)];
  return [
    warn("proxy", `one answers (${signs.join(", ")}), but clientIp is the socket: everybody is counted as the proxy`, {
      fix: "Set SEGNO_TRUSTED_PROXIES to its addresses, then try: segno doctor --forwarded 203.0.113.9",
      docs: pages.clientIp,
    }),
  ];
}

async function checkHealth(base: URL, { basePath }: InspectedConfiguration): Promise<Finding> {
  const answer = await ask(new URL(`${basePath}/health/ready`, base));
  if (!(answer instanceof Response)) return notReady(`does not answer: ${answer}`, basePath, false);
  const body = await answer.text();
  if (answer.status !== 200) return notReady(`answers ${answer.status}`, basePath, answer.status === 404);
  if (!body.includes('"degraded"')) return ok("health", "the running engine is ready");
  return warn("health", `the running engine works, but not all is well: ${body.slice(0, 200)}`, {
    fix: "Look at what it calls degraded before it fails: keys are degraded while their custody does not answer",
    docs: "docs/runbooks/vault-outage.md",
  });
}

function notReady(status: string, basePath: string, isMissing: boolean): Finding {
  return fail("health", `${basePath}/health/ready ${status}`, {
    fix: isMissing
      ? `Mount the engine at ${basePath}, or set basePath to where it is`
      : "Read the engine's log; then look at database and keys above",
    docs: pages.platform,
  });
}

/** The same host without TLS: a cookie is safe there (Secure), a person who types the address is not. */
async function checkPlainHttp(base: URL, { basePath }: InspectedConfiguration): Promise<readonly Finding[]> {
  if (base.protocol !== "https:" || base.port !== "") return [];
  const answer = await ask(new URL(`http://${base.host}${basePath}/health/live`));
  if (!(answer instanceof Response) || answer.status !== 200) return [ok("plain http", "leads nowhere or on to https")];
  return [
    warn("plain http", `http://${base.host} serves the engine too: what is read there can be changed on the way`, {
      fix: "Let the proxy redirect http to https",
      docs: pages.platform,
    }),
  ];
}

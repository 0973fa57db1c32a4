import type { InspectedConfiguration } from "@segno/server";
import { ask } from "./ask.js";
import { fail, type Finding, ok, pages, warn } from "./finding.js";

const foreignOrigin = "https://segno-doctor.invalid";

/** What the first request of a browser meets: its origin, the cookie it gets, the passkey it is asked for. */
export async function checkBrowser(base: URL, configuration: InspectedConfiguration): Promise<readonly Finding[]> {
  if (configuration.passkey === null) return [];
  const own = await startSignIn(base, configuration, new URL(configuration.baseUrl).origin);
  if (typeof own === "string") return [];
  const body = await own.text();
  if (own.status !== 200) return [refusedOwnOrigin(own.status, body, configuration)];
  return [
    await checkForeignOrigin(base, configuration),
    checkCookie(own, configuration),
    checkRelyingParty(body, base, configuration),
  ];
}

async function startSignIn(
  base: URL,
  { basePath }: InspectedConfiguration,
  origin: string,
): Promise<Response | string> {
  return await ask(new URL(`${basePath}/v1/passkeys/sign-in/options`, base), {
    method: "POST",
    headers: { "content-type": "application/json", origin },
    body: "{}",
  });
}

function refusedOwnOrigin(status: number, body: string, { baseUrl }: InspectedConfiguration): Finding {
  if (body.includes("origin_not_allowed")) {
    return fail("origin", `the running engine refuses requests of ${baseUrl}: it was started with another baseUrl`, {
      fix: `Start it with SEGNO_URL=${baseUrl}; http and https, and each port, are different origins`,
      docs: pages.configuration,
    });
  }
  return warn("origin", `a sign-in could not be begun: the running engine answers ${status}`, {
    fix: status === 429 ? "Wait a minute and ask again" : "Read the engine's log",
    docs: "docs/concepts/errors.md",
  });
}

async function checkForeignOrigin(base: URL, configuration: InspectedConfiguration): Promise<Finding> {
  const answer = await startSignIn(base, configuration, foreignOrigin);
  if (typeof answer !== "string" && answer.status === 403)
    return ok("origin", "its own is served, a foreign one is refused");
  return fail("origin", "a request of a foreign site was not refused: something on the way changes the Origin header", {
    fix: "Let the proxy hand on Origin as it came",
    docs: pages.platform,
  });
}

/** Proxies rewrite cookies: what arrives counts, not what was sent. */
function checkCookie(answer: Response, { cookies, isSecure }: InspectedConfiguration): Finding {
  const line = answer.headers.getSetCookie().find((cookie) => cookie.startsWith(`${cookies.browser}=`));
  if (line === undefined) {
    return fail("cookie", `${cookies.browser} did not arrive, so no browser can finish signing in`, {
      fix: "Let the proxy hand on Set-Cookie as it came; behind a proxy that ends TLS, SEGNO_URL must still be https://",
      docs: pages.platform,
    });
  }
  const attributes = line
    .split(";")
    .slice(1)
    .map((part) => part.trim().toLowerCase());
  const wanted = ["path=/", "httponly", "samesite=lax", ...(isSecure ? ["secure"] : [])];
  const missing = wanted.filter((attribute) => !attributes.includes(attribute));
  const added = attributes.filter((attribute) => attribute.startsWith("domain="));
  if (missing.length === 0 && added.length === 0)
    return ok("cookie", `${cookies.browser} arrives as it was sent: ${wanted.join(", ")}`);
  const what = [...missing.map((name) => `lost ${name}`), ...added.map((name) => `gained ${name}`)].join(", ");
  return fail("cookie", `${cookies.browser} was changed on the way: it ${what}`, {
    fix: "Take cookie rewriting out of the proxy (proxy_cookie_path, proxy_cookie_flags and the like)",
    docs: pages.platform,
  });
}

function checkRelyingParty(body: string, base: URL, { passkey }: InspectedConfiguration): Finding {
  const rpId = rpIdOf(body);
  if (rpId !== undefined && passkey !== null && rpId !== passkey.rpId) {
    return fail(
      "passkey domain",
      `the running engine asks for passkeys of ${rpId}, the configuration says ${passkey.rpId}`,
      {
        fix: "Passkeys cannot move between domains: go back to the one they were made for (signIn.passkey.rpId)",
        docs: pages.configuration,
      },
    );
  }
  const isUnder = base.hostname === rpId || base.hostname.endsWith(`.${rpId}`);
  if (isUnder) return ok("passkey domain", `${rpId}, which ${base.hostname} lies under`);
  return warn("passkey domain", `${base.hostname} does not lie under ${rpId}: browsers refuse the ceremony there`, {
    fix: "Give --url the address people use; if this is it, set signIn.passkey.rpId to its domain",
    docs: pages.configuration,
  });
}

function rpIdOf(body: string): string | undefined {
  try {
    const { publicKey } = JSON.parse(body) as { readonly publicKey?: { readonly rpId?: unknown } };
    return typeof publicKey?.rpId === "string" ? publicKey.rpId : undefined;
  } catch {
    return undefined;
  }
}

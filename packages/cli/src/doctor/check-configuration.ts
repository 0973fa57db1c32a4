import type { InspectedConfiguration } from "@segno/server";
import { fail, type Finding, ok, pages, warn } from "./finding.js";

const weakBits = 96;

/** The configuration as the engine understands it, held against the commonest mistakes. */
export function checkConfiguration(configuration: InspectedConfiguration): readonly Finding[] {
  return [
    checkBaseUrl(configuration),
    checkSecrets(configuration),
    checkCookies(configuration),
    ...checkTrustedOrigins(configuration),
    checkPasskeys(configuration),
    checkRateLimit(configuration),
  ];
}

function checkBaseUrl({ baseUrl, isSecure, production, issuer }: InspectedConfiguration): Finding {
  const found = `${baseUrl}, ${production ? "production" : "development"}`;
  if (isSecure) return ok("base URL", issuer === baseUrl ? found : `${found}; tokens say issuer ${issuer}`);
  if (isLocal(new URL(baseUrl).hostname)) return ok("base URL", `${found}; http is fine on this machine only`);
  return fail("base URL", `${found}: browsers send no Secure cookie and allow no passkey over http`, {
    fix: "Set SEGNO_URL to the https:// address people use, also when a proxy ends TLS in front of the engine",
    docs: pages.configuration,
  });
}

function checkSecrets({ secrets, production }: InspectedConfiguration): Finding {
  const versions = secrets.map(({ version }) => version).join(", ");
  const count = secrets.length === 1 ? "1 secret" : `${secrets.length} secrets`;
  const found = `${count}, version ${versions}; the newest seals with at most ${secrets[0]?.bits ?? 0} bits`;
  const weak = secrets.filter(({ bits }) => bits < weakBits).map(({ version }) => version);
  if (weak.length === 0) return ok("secret", found);
  const judge = production ? fail : warn;
  return judge("secret", `${found}; version ${weak.join(", ")} can be guessed`, {
    fix: `Put a new one in front: SEGNO_SECRET=${(secrets[0]?.version ?? 0) + 1}:$(openssl rand -base64 32),<the list as it is>`,
    docs: pages.keys,
  });
}

function checkCookies({ cookies, isSecure }: InspectedConfiguration): Finding {
  const names = `${cookies.session}, ${cookies.browser}: HttpOnly, SameSite=${cookies.sameSite}`;
  return ok("cookies", isSecure ? `${names}, Secure, bound to this host` : `${names}; not Secure, because of http`);
}

/** SameSite=Lax keeps cookies from requests of other sites: an origin there may be trusted and still never signed in. */
function checkTrustedOrigins({ trustedOrigins, baseUrl }: InspectedConfiguration): readonly Finding[] {
  if (trustedOrigins.length === 0) return [];
  const site = siteOf(new URL(baseUrl).hostname);
  const foreign = trustedOrigins.filter((origin) => siteOf(new URL(origin).hostname) !== site);
  if (foreign.length === 0) return [ok("trusted origins", trustedOrigins.join(", "))];
  return [
    warn("trusted origins", `${foreign.join(", ")}: another site, so the session cookie (SameSite=Lax) stays away`, {
      fix: "Serve it under the same domain, or let it use access tokens instead of the cookie",
      docs: pages.tokens,
    }),
  ];
}

function checkPasskeys({ passkey, baseUrl }: InspectedConfiguration): Finding {
  if (passkey === null) return ok("passkeys", "switched off");
  const { rpId, origins } = passkey;
  if (isAddress(rpId)) {
    return fail("passkeys", `The relying party id ${rpId} is an address: browsers bind passkeys to domains only`, {
      fix: "Reach the application by a name: http://localhost while developing, a domain in production",
      docs: pages.configuration,
    });
  }
  const { hostname } = new URL(baseUrl);
  const outside = origins.filter((origin) => /^https?:/.test(origin) && !isUnder(new URL(origin).hostname, rpId));
  if (outside.length > 0) {
    return warn("passkeys", `${outside.join(", ")} does not lie under the relying party id ${rpId}`, {
      fix: "Browsers refuse a ceremony there: set signIn.passkey.rpId to a domain that all of them share",
      docs: pages.configuration,
    });
  }
  const wide = rpId === hostname ? "" : ` (every host under it can ask for these passkeys)`;
  return ok("passkeys", `bound to ${rpId}${wide}, asked for by ${origins.join(", ")}`);
}

function checkRateLimit({ rateLimit }: InspectedConfiguration): Finding {
  if (rateLimit) return ok("rate limits", "on");
  return warn("rate limits", "switched off: anybody may guess codes as fast as they like", {
    fix: "Leave out rateLimit: false; production refuses it",
    docs: pages.clientIp,
  });
}

export function isLocal(hostname: string): boolean {
  return /^(localhost|.*\.localhost|\[::1\]|127(\.\d+){3})$/.test(hostname);
}

const isAddress = (hostname: string) => hostname.startsWith("[") || /^\d+(\.\d+){3}$/.test(hostname);
const isUnder = (hostname: string, domain: string) => hostname === domain || hostname.endsWith(`.${domain}`);

/** The last two labels: near enough to the registrable domain to warn by. */
function siteOf(hostname: string): string {
  return isAddress(hostname) ? hostname : hostname.split(".").slice(-2).join(".");
}

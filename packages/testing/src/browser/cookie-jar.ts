/** The cookies of one origin, kept by the rules of RFC 6265bis that decide whether a cookie comes back. */
export interface CookieJar {
  /** Takes the `Set-Cookie` lines of a response to `url`. A line a browser would refuse is dropped. */
  store(url: URL, setCookies: readonly string[]): void;
  /** The `Cookie` header for a request, or `undefined` when there is none. */
  header(url: URL): string | undefined;
  /** The value of a cookie that is still good, whatever its path. */
  get(name: string): string | undefined;
  /** Plants a cookie, as a script or another site might. */
  set(name: string, value: string): void;
  /** Drops a cookie. */
  delete(name: string): void;
  /** Names of all cookies that are still good. */
  names(): readonly string[];
  /** Drops all. */
  clear(): void;
}

interface Cookie {
  readonly value: string;
  readonly path: string;
  readonly isSecure: boolean;
  readonly expiresAtMs: number;
}

/** @param nowMs milliseconds since the epoch: cookies expire by the same clock as the engine */
export function createCookieJar(nowMs: () => number): CookieJar {
  const cookies = new Map<string, Cookie>();
  const live = (name: string): Cookie | undefined => {
    const cookie = cookies.get(name);
    if (cookie !== undefined && cookie.expiresAtMs <= nowMs()) cookies.delete(name);
    return cookies.get(name);
  };
  return {
    store(url, setCookies) {
      for (const line of setCookies) {
        const parsed = parseSetCookie(line, url, nowMs());
        if (parsed !== undefined) cookies.set(parsed.name, parsed.cookie);
      }
    },
    header(url) {
      const sent = [...cookies.keys()].flatMap((name) => {
        const cookie = live(name);
        const matches =
          cookie !== undefined && pathMatches(url.pathname, cookie.path) && (!cookie.isSecure || isTrustworthy(url));
        return matches ? [`${name}=${cookie.value}`] : [];
      });
      return sent.length === 0 ? undefined : sent.join("; ");
    },
    get: (name) => live(name)?.value,
    set(name, value) {
      cookies.set(name, { value, path: "/", isSecure: false, expiresAtMs: Number.POSITIVE_INFINITY });
    },
    delete: (name) => void cookies.delete(name),
    names: () => [...cookies.keys()].filter((name) => live(name) !== undefined),
    clear: () => cookies.clear(),
  };
}

function parseSetCookie(line: string, url: URL, nowMs: number): { name: string; cookie: Cookie } | undefined {
  const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
  const equals = pair.indexOf("=");
  if (equals < 1) return undefined;
  const name = pair.slice(0, equals);
  const attribute = new Map(attributes.map((text) => splitAttribute(text)));
  const isSecure = attribute.has("secure");
  const path = attribute.get("path")?.startsWith("/") ? (attribute.get("path") ?? "/") : "/";
  if (isSecure && !isTrustworthy(url)) return undefined;
  if (attribute.has("domain") && attribute.get("domain") !== url.hostname) return undefined;
  if (name.startsWith("__Secure-") && !isSecure) return undefined;
  if (name.startsWith("__Host-") && (!isSecure || attribute.has("domain") || attribute.get("path") !== "/"))
    return undefined;
  const expiresAtMs = lifetimeEndMs(attribute, nowMs);
  return { name, cookie: { value: pair.slice(equals + 1), path, isSecure, expiresAtMs } };
}

function lifetimeEndMs(attribute: ReadonlyMap<string, string>, nowMs: number): number {
  const maxAge = attribute.get("max-age");
  if (maxAge !== undefined) return nowMs + Number(maxAge) * 1_000;
  const expires = attribute.get("expires");
  return expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires);
}

function splitAttribute(text: string): [string, string] {
  const equals = text.indexOf("=");
  return equals < 0 ? [text.toLowerCase(), ""] : [text.slice(0, equals).toLowerCase(), text.slice(equals + 1)];
}

function pathMatches(requested: string, path: string): boolean {
  return requested === path || requested.startsWith(path.endsWith("/") ? path : `${path}/`);
}

function isTrustworthy(url: URL): boolean {
  return url.protocol === "https:" || url.hostname === "localhost" || url.hostname === "127.0.0.1";
}

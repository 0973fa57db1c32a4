import { encodeBase64Url } from "@segno/core";
import type { RandomSource } from "../engine.js";
import type { RouteCookies } from "./route.js";

/** The names in force: prefixed on https, plain on http://localhost. Only these are ever read. */
export interface CookieNames {
  readonly session: string;
  readonly browser: string;
  readonly known: string;
  readonly isSecure: boolean;
}

export function cookieNames(isSecure: boolean): CookieNames {
  const prefix = isSecure ? "__Host-" : "";
  return { session: `${prefix}segno.sid`, browser: `${prefix}segno.tx`, known: `${prefix}segno.known`, isSecure };
}

/** A second cookie of the same name: somebody planted one of them, and nobody can say which. */
export const ambiguous: unique symbol = Symbol("two cookies of one name");

/**
 * One cookie by its exact name. Only space and tab around a pair are skipped (RFC 6265 section 4.2.1), so a name with
 * any other character before the prefix is another name.
 */
export function readCookie(header: string | null, name: string): string | undefined | typeof ambiguous {
  if (header === null) return undefined;
  let found: string | undefined;
  let start = 0;
  while (start < header.length) {
    const semicolon = header.indexOf(";", start);
    const end = semicolon < 0 ? header.length : semicolon;
    let from = start;
    while (from < end && isBlank(header.charCodeAt(from))) from += 1;
    if (header.startsWith(name, from) && header.charCodeAt(from + name.length) === 61) {
      if (found !== undefined) return ambiguous;
      let to = end;
      while (to > from && isBlank(header.charCodeAt(to - 1))) to -= 1;
      found = header.slice(from + name.length + 1, to);
    }
    start = end + 1;
  }
  return found;
}

const isBlank = (code: number) => code === 32 || code === 9;
const browserSeconds = 86_400;
const knownSeconds = 180 * 86_400;
const browserHandle = /^[A-Za-z0-9_-]{43}$/;

/**
 * Where an app without cookies tells which browser it is, and is told. `new` asks for a handle. No form, link or image
 * can send it, and a page of another origin only after a preflight; the origin check comes before any attempt.
 */
export const browserHeader = "segno-browser";

/** Cookies as they go out, and what else an answer tells the browser that is not for a failed request. */
export interface OutgoingCookies {
  readonly cookies: RouteCookies;
  readonly setCookies: () => readonly string[];
  readonly newHandle: () => Readonly<Record<string, string>>;
}

/** The cookies of one request, and those its response sets. With a `Segno-Browser` header the tx cookie is out of play. */
export function createRouteCookies(
  headers: { get(name: string): string | null },
  options: { readonly names: CookieNames; readonly random: RandomSource },
): OutgoingCookies {
  const { names, random } = options;
  const header = headers.get("cookie");
  const session = readCookie(header, names.session);
  const planted = readCookie(header, names.browser);
  const told = headers.get(browserHeader);
  const presented = told ?? planted;
  let browser = typeof presented === "string" && browserHandle.test(presented) ? presented : undefined;
  let made: string | undefined;
  const pending = new Map<string, string>();
  if (session === ambiguous || planted === ambiguous) {
    pending.set(names.session, setCookie(names.session, "", 0, names.isSecure));
    pending.set(names.browser, setCookie(names.browser, "", 0, names.isSecure));
  }
  const put = (name: string, value: string, maxAgeSeconds: number) =>
    pending.set(name, setCookie(name, value, maxAgeSeconds, names.isSecure));

  const cookies: RouteCookies = {
    existingBrowser: () => browser,
    browser() {
      if (browser === undefined) browser = made = encodeBase64Url(random.bytes(32));
      // renewed each time: it must outlive the attempt that begins now
      if (told === null) put(names.browser, browser, browserSeconds);
      return browser;
    },
    known() {
      // read on demand: few requests ask
      const known = readCookie(header, names.known);
      return typeof known === "string" ? known : undefined;
    },
    setKnown: (value) => void put(names.known, value, knownSeconds),
    sessionToken: () => (typeof session === "string" ? session : undefined),
    setSession: (token, maxAgeSeconds) => void put(names.session, token, maxAgeSeconds),
    clearSession: () => void put(names.session, "", 0),
  };
  const newHandle = () => (told === null || made === undefined ? {} : { [browserHeader]: made });
  return { cookies, setCookies: () => [...pending.values()], newHandle };
}

function setCookie(name: string, value: string, maxAgeSeconds: number, isSecure: boolean): string {
  const age = Math.max(0, Math.floor(maxAgeSeconds));
  return `${name}=${value}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax${isSecure ? "; Secure" : ""}`;
}

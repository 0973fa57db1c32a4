/**
 * Tells Server Components where they are. Set by the proxy, which drops what comes from outside under this name. Only
 * ever used as a way back, and only after `safeReturnTo`.
 */
export const pathHeader = "x-segno-path";

const base = "http://segno.invalid";

/**
 * A path of this application, or `/`: never another origin, never the sign-in page itself.
 * @param candidate untrusted
 */
export function safeReturnTo(candidate: string | null | undefined, signInPath: string): string {
  if (typeof candidate !== "string" || candidate.length > 2048 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(candidate))
    return "/";
  const url = URL.parse(candidate, base);
  if (url === null || url.origin !== base || url.pathname.startsWith("//") || url.pathname === signInPath) return "/";
  url.searchParams.delete("_rsc");
  return url.pathname + url.search;
}

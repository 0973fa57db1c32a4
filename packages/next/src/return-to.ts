/**
 * Tells Server Components where they are. Set by the proxy, which drops what comes from outside under this name. Only
 * ever used as a way back, and only after `safeReturnTo`.
 */
export const pathHeader = "x-segno-path";

const base = "http://segno.invalid";

/**
 * Where to go after signing in: a path of this application, or `/`. Never another origin, never the sign-in page itself.
 * @param candidate untrusted, for example the `returnTo` parameter of the sign-in page
 * @param signInPath default `/sign-in`
 * @example
 * const returnTo = safeReturnTo((await searchParams).returnTo);
 */
export function safeReturnTo(candidate: unknown, signInPath: string = "/sign-in"): string {
  if (typeof candidate !== "string" || candidate.length > 2048 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(candidate))
    return "/";
  const url = URL.parse(candidate, base);
  if (url === null || url.origin !== base || url.pathname.startsWith("//") || url.pathname === signInPath) return "/";
  // deleting spells the whole query anew, so only where there is something to delete
  if (url.searchParams.has("_rsc")) url.searchParams.delete("_rsc");
  return url.pathname + url.search;
}

const maxLength = 2_048;

/**
 * Where to send the browser afterwards: a path of this application, or an absolute URL at one of the listed origins.
 * Written for an open redirect's whole bag of tricks (RFC 9700 section 2.1): `//evil`, `/\evil`, user info, control
 * characters, white space and what cannot be seen anywhere, other schemes. The value is judged by the parser the browser will use, and what
 * comes out is that parser's spelling.
 * @param origins exact origins; the first is the application's own, whose URLs become paths
 * @returns `undefined` when it may not be followed
 */
export function safeReturnPath(value: string, origins: readonly [string, ...string[]]): string | undefined {
  if (value.length === 0 || value.length > maxLength || /[\\\s\p{Cc}\p{Cf}\p{Cs}]/u.test(value)) {
    return undefined;
  }
  const isPath = /^\/(?!\/)/.test(value);
  if (!isPath && !/^https?:\/\/[^/]/i.test(value)) return undefined;
  const [own] = origins;
  if (!URL.canParse(value, own)) return undefined;
  const url = new URL(value, own);
  if (!origins.includes(url.origin) || url.username !== "" || url.password !== "") return undefined;
  const path = `${url.pathname}${url.search}${url.hash}`;
  // dot segments can leave a path that starts with two slashes
  if (path.startsWith("//")) return undefined;
  return url.origin === own ? path : url.href;
}

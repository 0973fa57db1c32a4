/**
 * The one spelling of a URL that `htu` is compared in (RFC 9449 section 4.3, RFC 3986 section 6.2): scheme and host in
 * lower case, default port dropped, dot segments resolved, percent-encoding normalised, query and fragment stripped.
 * @returns undefined for what is no http(s) URL or names a user
 */
export function normaliseHtu(given: string): string | undefined {
  if (!URL.canParse(given)) return undefined;
  const url = new URL(given);
  if (url.protocol !== "https:" && url.protocol !== "http:") return undefined;
  if (url.username !== "" || url.password !== "") return undefined;
  return `${url.origin}${normalisePercent(url.pathname)}`;
}

function normalisePercent(path: string): string {
  return path.replace(/%[0-9a-fA-F]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase();
  });
}

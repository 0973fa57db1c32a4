/**
 * The path of an absolute URL as `Request` holds it, undecoded and without query. The URL parser has already resolved
 * dot segments; nothing else is forgiven: see `isPlainPath`.
 */
export function pathOf(url: string): string {
  let start = -1;
  for (let index = url.indexOf("://") + 3; index < url.length; index += 1) {
    const code = url.charCodeAt(index);
    if (code === 63 || code === 35) return start < 0 ? "/" : url.slice(start, index);
    if (code === 47 && start < 0) start = index;
  }
  return start < 0 ? "/" : url.slice(start);
}

/**
 * True for the one spelling a path may have here: segments of letters, digits, `-`, `.`, `_` and `~`, none empty, none
 * of dots alone. Percent-encoding, `;parameters`, doubled and trailing slashes and backslashes are other spellings,
 * and another spelling is another path: not found, for every check alike.
 */
export function isPlainPath(path: string): boolean {
  return /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/.test(path);
}

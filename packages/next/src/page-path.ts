/**
 * The page behind the forms Next asks for it in: `/account.rsc`, `/account.segments/_tree.segment.rsc` and
 * `/_next/data/<build>/account.json` are all `/account` (T-026).
 */
export function normalizePagePath(pathname: string): string {
  const data = /^\/_next\/data\/[^/]+(\/.*)\.json$/.exec(pathname)?.[1];
  const page = (data ?? pathname).replace(/\.segments\/.*\.segment\.rsc$/, "").replace(/\.rsc$/, "");
  return page === "/index" || page === "" ? "/" : page;
}

/**
 * For `protect`: every page except those named. A name is a path, exact to the byte, or a folder: `/docs/*`. A path that
 * a router might read in two ways (encoded, doubled slash, dot segment, semicolon) is never an exception (T-027, T-028).
 *
 * @example
 * createSegnoProxy({ protect: allExcept(["/", "/docs/*"]) });
 */
export function allExcept(paths: readonly string[]): (pathname: string) => boolean {
  const exact = new Set(paths.filter((path) => !path.endsWith("/*")));
  const folders = paths.filter((path) => path.endsWith("/*")).map((path) => path.slice(0, -1));
  for (const path of paths) {
    if (!path.startsWith("/") || !isPlain(path.replace(/\*$/, "")))
      throw new TypeError(`"${path}" is not a plain path.`);
  }
  return (pathname) => {
    if (!isPlain(pathname)) return true;
    return !exact.has(pathname) && !folders.some((folder) => pathname.startsWith(folder) && pathname !== folder);
  };
}

const isPlain = (path: string): boolean => /^(\/[\w~-][\w.~-]*)*\/?$/.test(path);

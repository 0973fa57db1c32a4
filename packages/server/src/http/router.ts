import { isPlainPath } from "./path.js";
import type { Route } from "./route.js";

export type RouteMatch =
  | { readonly kind: "found"; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  /** The path exists under other methods. */
  | { readonly kind: "other_method"; readonly allow: readonly string[]; readonly routes: readonly Route[] }
  | { readonly kind: "none" };

export interface Router {
  /** HEAD is answered by the GET route. */
  find(method: string, path: string): RouteMatch;
  readonly routes: readonly Route[];
}

interface Entry {
  readonly segments: readonly string[];
  readonly byMethod: Map<string, Route>;
}
const maxParameterLength = 128;
const noParams: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/**
 * @param locate all full paths a route answers at
 * @throws TypeError when two routes share a method and a path
 */
export function createRouter(routes: readonly Route[], locate: (route: Route) => readonly string[]): Router {
  const exact = new Map<string, Entry>();
  const patterns = new Map<string, Entry>();
  for (const route of routes) {
    for (const path of locate(route)) {
      const table = path.includes("{") ? patterns : exact;
      const entry = table.get(path) ?? { segments: path.split("/"), byMethod: new Map<string, Route>() };
      if (entry.byMethod.has(route.method)) throw new TypeError(`Two routes answer ${route.method} ${path}.`);
      entry.byMethod.set(route.method, route);
      table.set(path, entry);
    }
  }
  const patternList = [...patterns.values()];

  const findEntry = (path: string): { entry: Entry; params: Readonly<Record<string, string>> } | undefined => {
    const direct = exact.get(path);
    if (direct !== undefined) return { entry: direct, params: noParams };
    if (!isPlainPath(path)) return undefined;
    const segments = path.split("/");
    for (const entry of patternList) {
      const params = matchSegments(entry.segments, segments);
      if (params !== undefined) return { entry, params };
    }
    return undefined;
  };

  return {
    routes,
    find(method, path) {
      const found = findEntry(path);
      if (found === undefined) return { kind: "none" };
      const route = found.entry.byMethod.get(method === "HEAD" ? "GET" : method);
      if (route !== undefined) return { kind: "found", route, params: found.params };
      const methods = [...found.entry.byMethod.keys()];
      const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
      return { kind: "other_method", allow: allow.toSorted(), routes: [...found.entry.byMethod.values()] };
    },
  };
}

function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = Object.create(null);
  for (const [index, expected] of pattern.entries()) {
    const actual = segments[index] ?? "";
    if (!expected.startsWith("{")) {
      if (expected !== actual) return undefined;
    } else {
      if (actual.length > maxParameterLength) return undefined;
      params[expected.slice(1, -1)] = actual;
    }
  }
  return params;
}

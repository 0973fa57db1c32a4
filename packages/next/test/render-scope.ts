import { AsyncLocalStorage } from "node:async_hooks";

/** Stands in for Next: what is incoming, and whether a page is being rendered. */
interface Scope {
  readonly headers: Headers;
  /** React's memory, which only exists while a page renders. */
  readonly memory: Map<unknown, unknown> | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();

/** For `vi.mock("next/headers.js", ...)`. */
export const headers = async (): Promise<Headers> => {
  const scope = scopes.getStore();
  if (scope === undefined) throw new Error("headers() was called outside a request scope");
  return scope.headers;
};

/** For `vi.mock("react", ...)`: remembers per render, for functions of no argument. */
export const cache = <Result>(work: () => Result): (() => Result) => {
  return () => {
    const memory = scopes.getStore()?.memory;
    if (memory === undefined) return work();
    if (!memory.has(work)) memory.set(work, work());
    return memory.get(work) as Result;
  };
};

/** Runs as a Server Component does. */
export const inRender = <Result>(init: HeadersInit, work: () => Result): Result =>
  scopes.run({ headers: new Headers(init), memory: new Map() }, work);

/** Runs as a route handler or a server action does. */
export const inRoute = <Result>(init: HeadersInit, work: () => Result): Result =>
  scopes.run({ headers: new Headers(init), memory: undefined }, work);

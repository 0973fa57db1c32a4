import type { HeaderSource, SegnoEngine } from "@segno/core";

/** What `createNextSegno` needs: any engine. One that has verbs in process, as `createSegno()`, is asked through them. */
export interface NextEngine extends SegnoEngine {
  readonly api?: {
    /** Session and user of whoever sent these headers, or null for nobody. */
    readonly getSession: (input: {
      readonly headers: HeaderSource;
    }) => Promise<{ readonly session: unknown; readonly user: unknown } | null>;
  };
}

export type EngineSource = () => NextEngine;

/** Where the application is reached. From the configuration, never from the Host header (T-033). */
export function originOf(segno: SegnoEngine): string {
  return new URL(segno.origin ?? segno.issuer).origin;
}

/** The address of a request as the outside knows it: our origin, its path and query. */
export function publicUrl(segno: SegnoEngine, request: Request): string {
  const { pathname, search } = new URL(request.url);
  return originOf(segno) + pathname + search;
}

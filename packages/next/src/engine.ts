import type { Peer, SegnoEngine } from "@segno/core";

export type EngineSource = () => SegnoEngine;
export type PeerSource = (headers: Headers) => Peer;

/** Where the application is reached. From the configuration, never from the Host header (T-033). */
export function originOf(segno: SegnoEngine): string {
  return new URL(segno.origin ?? segno.issuer).origin;
}

/** The address of a request as the outside knows it: our origin, its path and query. */
export function publicUrl(segno: SegnoEngine, request: Request): string {
  const { pathname, search } = new URL(request.url);
  return originOf(segno) + pathname + search;
}

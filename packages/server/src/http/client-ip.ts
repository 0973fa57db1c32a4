import type { HeaderSource, Peer } from "@segno/core";
import type { ClientIpOptions } from "../config.js";
import { readHeader } from "./headers.js";
import { bucketOf, type IpAddress, type IpRange, isInRange, parseIp, parseIpRange } from "./ip-address.js";

export interface ClientIp {
  /** What limits count by, or `unknown`: one bucket shared by everybody whose address cannot be told. */
  readonly bucket: string;
  /** The request came through a listed proxy, whose own headers may be believed. */
  readonly isFromTrustedProxy: boolean;
}
export type ClientIpResolver = (headers: HeaderSource, peer: Peer | undefined) => ClientIp;

const unknown: ClientIp = { bucket: "unknown", isFromTrustedProxy: false };
const maxHops = 32;

/**
 * The one place that says where a request comes from. Without options (development) the socket's address.
 * @throws TypeError when a listed proxy is not an address or CIDR
 */
export function createClientIpResolver(options: ClientIpOptions | undefined): ClientIpResolver {
  if (options?.source === "header") {
    const name = options.header.toLowerCase();
    return (headers) => clientAt(readHeader(headers, name));
  }
  if (options?.source === "forwarded") {
    const proxies = options.trustedProxies.map((text) => rangeOf(text));
    return (headers, peer) => walk(headers, peer, proxies);
  }
  return remembering((text) => clientAt(text));
}

const maxRemembered = 1_000;

/** The socket's address alone decides, and few sockets send many requests. */
function remembering(resolve: (remoteAddress: string) => ClientIp): ClientIpResolver {
  const known = new Map<string, ClientIp>();
  return (_headers, peer) => {
    const text = peer?.remoteAddress;
    if (text === undefined) return unknown;
    let client = known.get(text);
    if (client === undefined) {
      client = resolve(text);
      if (known.size >= maxRemembered) known.clear();
      known.set(text, client);
    }
    return client;
  };
}

function rangeOf(text: string): IpRange {
  const range = parseIpRange(text);
  if (range === undefined) throw new TypeError(`"${text}" is neither an address nor a CIDR.`);
  return range;
}

function clientAt(text: string | null): ClientIp {
  const address = text === null ? undefined : parseIp(text.trim());
  return address === undefined ? unknown : { bucket: bucketOf(address), isFromTrustedProxy: false };
}

/** From the socket leftwards through `X-Forwarded-For`: the first address that is no listed proxy is the client. */
function walk(headers: HeaderSource, peer: Peer | undefined, proxies: readonly IpRange[]): ClientIp {
  const isProxy = (address: IpAddress) => proxies.some((range) => isInRange(address, range));
  const socket = parseIp(peer?.remoteAddress ?? "");
  if (socket === undefined) return unknown;
  if (!isProxy(socket)) return { bucket: bucketOf(socket), isFromTrustedProxy: false };
  const hops = (readHeader(headers, "x-forwarded-for") ?? "").split(",").slice(-maxHops);
  let client = socket;
  for (const hop of hops.reverse()) {
    const address = parseIp(hop.trim());
    if (address === undefined) return { bucket: "unknown", isFromTrustedProxy: true };
    client = address;
    if (!isProxy(address)) break;
  }
  return { bucket: bucketOf(client), isFromTrustedProxy: true };
}

/** Whose address one request would be counted by, for whoever checks a configuration. */
export function clientIpOf(
  options: ClientIpOptions | undefined,
  headers: HeaderSource,
  remoteAddress: string,
): ClientIp {
  return createClientIpResolver(options)(headers, { remoteAddress });
}

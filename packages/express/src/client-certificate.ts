import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { TLSSocket } from "node:tls";
import { parseCertificateHeader, type PeerCertificate } from "@segno/core";

/** Where client certificates come from when a proxy ends TLS. */
export interface ClientCertificateOptions {
  /** The header the proxy sets, and overwrites when a client sends it: `Client-Cert` (RFC 9440) or a PEM text in percent-encoding. */
  readonly header: string;
  /** Addresses or CIDRs of the proxies. The header of anybody else is not looked at. */
  readonly trustedProxies: readonly string[];
}

/** Of one connection: it is the same for every request on it. */
const ofSocket = new WeakMap<object, PeerCertificate>();

/** The certificate of the TLS connection itself; undefined without TLS, and when the client showed none. */
export function socketCertificate(req: IncomingMessage): PeerCertificate | undefined {
  const { socket } = req;
  if (!(socket instanceof TLSSocket)) return undefined;
  const known = ofSocket.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const found = { raw: certificate.raw, isTrusted: socket.authorized };
  ofSocket.set(socket, found);
  return found;
}

/**
 * Reads the thumbprint (RFC 8705 section 3.1) of the certificate a request came with. From a listed proxy the header
 * alone counts: the connection's own certificate would be the proxy's.
 * @throws TypeError for a header or proxy that is none
 */
export function createThumbprintReader(
  options: ClientCertificateOptions | undefined,
): (req: IncomingMessage) => string | undefined {
  const proxies = options === undefined ? undefined : listOf(options.trustedProxies);
  const header = options?.header.toLowerCase() ?? "";
  if (options !== undefined && !/^[a-z0-9-]{1,64}$/.test(header)) throw new TypeError("clientCertificate.header.");
  return (req) => {
    const der = proxies !== undefined && isListed(proxies, req) ? inHeader(req, header) : socketCertificate(req)?.raw;
    return der === undefined ? undefined : hash("sha256", der, "base64url");
  };
}

function inHeader(req: IncomingMessage, name: string): Uint8Array | undefined {
  const value = req.headers[name];
  return typeof value === "string" ? parseCertificateHeader(value) : undefined;
}

function listOf(proxies: readonly string[]): BlockList {
  const list = new BlockList();
  if (proxies.length === 0) throw new TypeError("clientCertificate.trustedProxies lists no proxy.");
  for (const text of proxies) {
    const [address = "", bits, ...rest] = text.split("/");
    const family = isIP(address);
    const isPlain = family !== 0 && rest.length === 0 && (bits === undefined || /^\d{1,3}$/.test(bits));
    if (!isPlain) throw new TypeError(`clientCertificate.trustedProxies: "${text}" is neither an address nor a CIDR.`);
    list.addSubnet(
      address,
      bits === undefined ? (family === 4 ? 32 : 128) : Number(bits),
      `ipv${family === 4 ? 4 : 6}`,
    );
  }
  return list;
}

function isListed(proxies: BlockList, req: IncomingMessage): boolean {
  const address = req.socket.remoteAddress ?? "";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  const family = isIP(mapped);
  return family !== 0 && proxies.check(mapped, family === 4 ? "ipv4" : "ipv6");
}

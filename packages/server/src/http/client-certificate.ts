import { hash } from "node:crypto";
import { type HeaderSource, type Peer, type PeerCertificate, parseCertificateHeader } from "@segno/core";
import type { ResolvedConfig } from "../config.js";
import { createClientIpResolver } from "./client-ip.js";
import { readHeader } from "./headers.js";

/** The certificate of a request's client; undefined when there is none, and when it cannot be believed. */
export type CertificateResolver = (headers: HeaderSource, peer: Peer | undefined) => PeerCertificate | undefined;

/**
 * The one place that says which certificate a client showed. Behind a listed proxy the header it sets counts and nothing
 * else, because the connection's own certificate is the proxy's; everywhere else the connection's own does, and the
 * header is not looked at.
 */
export function createCertificateResolver(
  config: Pick<ResolvedConfig, "clientIp" | "clientCertificate">,
): CertificateResolver {
  const options = config.clientCertificate;
  if (options === undefined) return (_headers, peer) => peer?.certificate;
  const resolveClient = createClientIpResolver(config.clientIp);
  const header = options.header.toLowerCase();
  const verifiedHeader = options.verifiedHeader?.toLowerCase();
  return (headers, peer) => {
    if (!resolveClient(headers, peer).isFromTrustedProxy) return peer?.certificate;
    const raw = parseCertificateHeader(readHeader(headers, header) ?? "");
    if (raw === undefined) return undefined;
    return { raw, isTrusted: verifiedHeader !== undefined && readHeader(headers, verifiedHeader) === "SUCCESS" };
  };
}

/** What a token bound to this certificate holds in `cnf["x5t#S256"]` (RFC 8705 section 3.1). */
export function thumbprintOf(certificate: PeerCertificate | undefined): string | undefined {
  return certificate === undefined ? undefined : hash("sha256", certificate.raw, "base64url");
}

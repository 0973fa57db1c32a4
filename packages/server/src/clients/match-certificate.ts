import { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "@segno/core";
import type { ServiceClient, ServiceCredential } from "../config.js";
import type { Engine } from "../engine.js";
import { thumbprintOf } from "../http/index.js";

/**
 * Whether a request came with a certificate that is registered for the client (RFC 8705 section 2). Anything that
 * cannot be read is no match.
 */
export function hasCertificateOf(
  engine: Engine,
  { credential }: ServiceClient,
  certificate: PeerCertificate | undefined,
): boolean {
  if (certificate === undefined) return false;
  if (credential.method === "self_signed_tls_client_auth") {
    return credential.thumbprints.includes(thumbprintOf(certificate) ?? "") && isInTime(engine, certificate);
  }
  return credential.method === "tls_client_auth" && certificate.isTrusted && isNamed(credential, certificate);
}

function parse(certificate: PeerCertificate): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate.raw);
  } catch {
    return undefined;
  }
}

/** Nobody has checked the dates of a certificate without a chain. */
function isInTime(engine: Engine, certificate: PeerCertificate): boolean {
  const parsed = parse(certificate);
  const nowMs = engine.clock.nowMs();
  return parsed !== undefined && Date.parse(parsed.validFrom) <= nowMs && nowMs < Date.parse(parsed.validTo);
}

function isNamed(
  registered: Extract<ServiceCredential, { method: "tls_client_auth" }>,
  certificate: PeerCertificate,
): boolean {
  const parsed = parse(certificate);
  if (parsed === undefined) return false;
  // Node gives one line a part, escaped as RFC 4514 says, the least specific first
  if (registered.subject !== undefined) return parsed.subject.split("\n").reverse().join(",") === registered.subject;
  // a quoted name holds characters that could pass for the next one (CVE-2021-44532): no name is believed beside it
  const names = parsed.subjectAltName ?? "";
  if (names.includes('"')) return false;
  const wanted = registered.dns === undefined ? `URI:${registered.uri ?? ""}` : `DNS:${registered.dns}`;
  return names.split(", ").includes(wanted);
}

import { decodeBase64Url } from "../base64url.js";
import { SegnoError } from "../errors.js";
import type { Confirmation } from "./claims.js";

/**
 * Holds a token's certificate binding against the certificate of the connection (RFC 8705 section 3). A token without
 * a binding passes: there is nothing to hold.
 *
 * Not checked: where the thumbprint comes from. Take it from the TLS socket, or from a header that a listed proxy set;
 * and `cnf.jkt`, which `verifyDpopProof` checks.
 * @param thumbprint SHA-256 of the certificate in DER, base64url; undefined when the client showed none
 * @throws SegnoError `invalid_token` when the token is bound to a certificate and this is another one, or none
 * @example
 * checkCertificateBinding(claims, thumbprint);
 */
export function checkCertificateBinding(claims: { readonly cnf?: Confirmation }, thumbprint: string | undefined): void {
  const bound = claims.cnf?.["x5t#S256"];
  if (bound === undefined || bound === thumbprint) return;
  throw new SegnoError("invalid_token", "A token bound to a certificate came without that certificate.");
}

const maxHeaderLength = 16_384;
const byteSequence = /^:([A-Za-z0-9+/]+={0,2}):$/;
const pem = /^-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----\s*$/;

/**
 * The certificate in a header that a TLS proxy set: `Client-Cert` (RFC 9440), or a PEM text in percent-encoding such as
 * nginx's `$ssl_client_escaped_cert`. Two headers of the name, joined by a comma, are neither.
 *
 * Not checked: who sent the header, the certificate's signature, dates and chain.
 * @returns X.509 in DER; undefined for anything else
 * @example
 * const certificate = parseCertificateHeader(":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MQ==:");
 */
export function parseCertificateHeader(value: string): Uint8Array | undefined {
  if (value.length > maxHeaderLength) return undefined;
  try {
    const base64 = byteSequence.exec(value)?.[1] ?? pem.exec(decodeURIComponent(value))?.[1]?.replace(/[\r\n]/g, "");
    if (base64 === undefined || base64 === "") return undefined;
    return decodeBase64Url(
      base64
        .replace(/={1,2}$/, "")
        .replaceAll("+", "-")
        .replaceAll("/", "_"),
    );
  } catch {
    return undefined;
  }
}

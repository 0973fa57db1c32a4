import type { ClientCertificateOptions, ClientIpOptions } from "../config.js";
import { parseIpRange } from "../http/index.js";
import { listOf } from "./list-of.js";

/** `SEGNO_TRUSTED_PROXIES`: `socket`, `header:<name>`, or addresses and CIDRs. */
export function readClientIp(
  given: ClientIpOptions | undefined,
  text: string | undefined,
  faults: string[],
): ClientIpOptions | undefined {
  const options = given ?? (text === undefined ? undefined : clientIpOf(text.trim()));
  if (options?.source === "header" && !/^[A-Za-z0-9-]{1,64}$/.test(options.header)) {
    faults.push("clientIp.header: is not a header name");
  }
  if (options?.source === "forwarded") {
    if (options.trustedProxies.length === 0) faults.push("clientIp.trustedProxies: lists no proxy");
    for (const proxy of options.trustedProxies) {
      if (parseIpRange(proxy) === undefined)
        faults.push(`clientIp.trustedProxies: ${JSON.stringify(proxy)} is neither an address nor a CIDR`);
    }
    const proxies = options.trustedProxies.filter((proxy) => parseIpRange(proxy) !== undefined);
    return { source: "forwarded", trustedProxies: proxies };
  }
  return options;
}

/** A header says whose certificate it was only as far as its sender is known. */
export function readClientCertificate(
  given: ClientCertificateOptions | undefined,
  clientIp: ClientIpOptions | undefined,
  faults: string[],
): ClientCertificateOptions | undefined {
  if (given === undefined) return undefined;
  if (clientIp?.source !== "forwarded")
    faults.push('clientCertificate: needs clientIp { source: "forwarded" }, whose proxies alone may send the header');
  for (const name of [given.header, given.verifiedHeader]) {
    if (name !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(name))
      faults.push("clientCertificate: is not a header name");
  }
  return given;
}

function clientIpOf(text: string): ClientIpOptions {
  if (text === "socket") return { source: "socket" };
  if (text.startsWith("header:")) return { source: "header", header: text.slice("header:".length) };
  return { source: "forwarded", trustedProxies: listOf(text) };
}

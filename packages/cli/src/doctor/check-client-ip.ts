import type { InspectedClient, SegnoInspection } from "@segno/server";
import { fail, type Finding, ok, pages, warn } from "./finding.js";

const docs = pages.clientIp;
const listProxies =
  "Set SEGNO_TRUSTED_PROXIES to the addresses of your proxies, or header:NAME where the platform sets one";

/** Whose address limits count by, and what becomes of a sample request. */
export function checkClientIp({ configuration, client }: SegnoInspection): Finding {
  const { clientIp } = configuration;
  if (clientIp?.source === "forwarded") return checkForwarded(clientIp.trustedProxies, client);
  if (clientIp?.source === "header") return checkHeader(clientIp.header, client);
  if (client.forwarded !== null) {
    return warn(
      "client IP",
      `the socket's other end: with X-Forwarded-For "${client.forwarded}" from ${client.peer}, ${client.bucket} would count, for everybody behind that proxy`,
      { fix: listProxies, docs },
    );
  }
  const found = "the socket's other end, right where no proxy is in front";
  if (clientIp !== null) return ok("client IP", found);
  return warn("client IP", `not set: ${found}. Production refuses to guess`, {
    fix: "Set SEGNO_TRUSTED_PROXIES: socket, the proxies' addresses, or header:NAME",
    docs,
  });
}

function checkForwarded(proxies: readonly string[], client: InspectedClient): Finding {
  const source = `X-Forwarded-For from the right, over ${proxies.join(", ")}`;
  const everybody = proxies.filter((proxy) => proxy.endsWith("/0"));
  if (everybody.length > 0) {
    return fail(
      "client IP",
      `${source}: ${everybody.join(", ")} is everybody, so anybody may name an address of theirs`,
      {
        fix: "List only the addresses your own proxies connect from",
        docs,
      },
    );
  }
  if (client.forwarded === null) return ok("client IP", `${source}; try one: --forwarded "203.0.113.9"`);
  if (!client.isFromTrustedProxy) {
    return warn(
      "client IP",
      `${source}: ${client.peer} is no listed proxy, so the header is ignored and ${client.bucket} counts`,
      {
        fix: `List ${client.peer}, if it is a proxy of yours`,
        docs,
      },
    );
  }
  return judgeBucket(source, client);
}

function checkHeader(header: string, client: InspectedClient): Finding {
  const source = `the header ${header}, which your platform must set and strip from outside`;
  if (client.forwarded === null) return ok("client IP", `${source}; try one: --forwarded "203.0.113.9"`);
  return judgeBucket(source, client);
}

function judgeBucket(source: string, { forwarded, bucket, peer }: InspectedClient): Finding {
  const sample = `with "${forwarded}" from ${peer}, ${bucket} counts`;
  if (bucket === "unknown") {
    return fail(
      "client IP",
      `${source}: ${sample}: no address could be read, and everybody like this shares one limit`,
      {
        fix: "Let the proxy write a plain address there, and nothing else",
        docs,
      },
    );
  }
  if (/^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|127\.|169\.254\.|f[cd]|fe80)/i.test(bucket)) {
    return warn("client IP", `${source}: ${sample}, which is a private address: a proxy on the way is not listed`, {
      fix: `List ${bucket} too, if it is a proxy of yours`,
      docs,
    });
  }
  return ok("client IP", `${source}: ${sample}`);
}

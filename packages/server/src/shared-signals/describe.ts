import type { ResolvedConfig } from "../config.js";
import { audienceOf } from "./claims-of.js";
import type { SignalStream } from "./options.js";
import { signalTypes, uriOf } from "./signal-types.js";

type Json = Readonly<Record<string, unknown>>;
type Site = Pick<ResolvedConfig, "issuer" | "origin" | "basePath">;

export const methods = { push: "urn:ietf:rfc:8935", poll: "urn:ietf:rfc:8936" } as const;
/** A verification that was asked for sooner than this after another is refused (SSF 1.0 section 8.1.1). */
export const verificationSeconds = 10;

const baseOf = ({ origin, basePath }: Site): string => `${origin}${basePath}/v1/ssf`;

/** What this transmitter is and offers (SSF 1.0 section 7.1): only what exists. Streams are made by configuration. */
export function transmitterDocument(site: Site): Json {
  const base = baseOf(site);
  return {
    spec_version: "1_0",
    issuer: site.issuer,
    jwks_uri: `${site.origin}/.well-known/ssf-jwks.json`,
    delivery_methods_supported: [methods.push, methods.poll],
    configuration_endpoint: `${base}/stream`,
    status_endpoint: `${base}/status`,
    verification_endpoint: `${base}/verify`,
    authorization_schemes: [{ spec_urn: "urn:ietf:rfc:6750" }],
    default_subjects: "ALL",
  };
}

/** One stream as its receiver sees it (SSF 1.0 section 8.1.1). What we authorize ourselves with is not told. */
export function streamDocument(site: Site, stream: SignalStream): Json {
  const { id, audience, delivery, events } = stream;
  const url = delivery.method === "push" ? delivery.url : `${baseOf(site)}/poll/${id}`;
  return {
    stream_id: id,
    iss: site.issuer,
    aud: audienceOf(audience),
    delivery: { method: methods[delivery.method], endpoint_url: url },
    events_supported: signalTypes.map(uriOf),
    events_requested: events.map(uriOf),
    events_delivered: events.map(uriOf),
    min_verification_interval: verificationSeconds,
  };
}

import { createRemoteKeySet, isSegnoError, type KeySet, type SegnoErrorCode } from "@segno/core";
import * as v from "valibot";
import type { Engine } from "../engine.js";
import { defineRoute, type Reply, type Route } from "../http/index.js";
import type { KeysOf, SignalTransmitter } from "./options.js";
import { receiveSignal } from "./receive-signal.js";

/** Where transmitters post to. There is no such route without any. */
export function receiverRoutes(engine: Engine, transmitters: readonly SignalTransmitter[]): Route[] {
  if (transmitters.length === 0) return [];
  const keysOf = createKeysOf(engine);
  return [
    defineRoute({
      method: "POST",
      path: "/v1/ssf/events",
      operationId: "receiveSignal",
      summary: "Takes a security event token from a configured transmitter (RFC 8935).",
      tag: "shared signals",
      access: "public",
      crossSite: true,
      rate: "token",
      errors: "secevent",
      encodings: ["secevent"],
      body: v.pipe(v.string(), v.minLength(1), v.maxLength(8192)),
      answers: { 202: { description: "It was taken, whether or not it changed anything." } },
      handle: async ({ request, body, requestId }) => {
        const posted = { token: body.trim(), authorization: request.headers.get("authorization"), requestId };
        try {
          await receiveSignal(engine, transmitters, keysOf, posted);
        } catch (error) {
          const refusal = refusalOf(error);
          if (refusal !== undefined) return refusal;
          throw error;
        }
        return { status: 202 };
      },
    }),
  ];
}

const errors: Readonly<Partial<Record<SegnoErrorCode, string>>> = {
  token_malformed: "invalid_request",
  token_type: "invalid_request",
  token_claim: "invalid_request",
  token_expired: "invalid_request",
  token_not_yet_valid: "invalid_request",
  token_algorithm: "invalid_key",
  token_key_unknown: "invalid_key",
  token_signature: "invalid_key",
  token_issuer: "invalid_issuer",
  token_audience: "invalid_audience",
  unauthenticated: "authentication_failed",
};

/** RFC 8935 section 2.3. Undefined for what is not the token's fault. */
function refusalOf(error: unknown): Reply | undefined {
  if (!isSegnoError(error)) return undefined;
  const err = errors[error.code];
  if (err === undefined) return undefined;
  const claim = error.detail["claim"];
  const description = typeof claim === "string" ? `Not accepted: ${claim}.` : "Not accepted.";
  return { status: 400, json: { err, description }, headers: { "content-language": "en" } };
}

function createKeysOf({ clock, fetch, log }: Engine): KeysOf {
  const known = new Map<SignalTransmitter, KeySet>();
  return (transmitter) => {
    const { jwksUri, issuer } = transmitter;
    const keys =
      known.get(transmitter) ??
      createRemoteKeySet({
        url: jwksUri,
        clock,
        fetch: (url, init) => fetch(url, init),
        onProblem: ({ detail }) =>
          log.warn("A transmitter's keys were not refreshed.", { issuer, reason: detail["reason"] }),
      });
    known.set(transmitter, keys);
    return keys;
  };
}

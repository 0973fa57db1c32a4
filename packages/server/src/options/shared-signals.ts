import { createRemoteKeySet, type SigningAlgorithm } from "@segno/core";
import type { ResolvedConfig } from "../config.js";
import {
  consumerOf,
  openPush,
  type PollDelivery,
  type PushDelivery,
  type SharedSignals,
  type SharedSignalsOptions,
  type SignalAction,
  type SignalStream,
  type SignalStreamOptions,
  type SignalTransmitter,
  type SignalTransmitterOptions,
  signalTypes,
  tokenHashOf,
} from "../shared-signals/index.js";

const idPattern = /^[a-z][a-z0-9-]{0,35}$/;
const tokenPattern = /^[\x21-\x7e]{32,512}$/;
const usualAlgorithms: readonly SigningAlgorithm[] = ["ES256", "PS256", "RS256", "EdDSA", "Ed25519"];
const actions: readonly SignalAction[] = ["revoke-sessions", "suspend", "resume"];

type Fault = (text: string) => void;

/** Streams and transmitters, after defaults. @param sinks whose names the streams must not take */
export function readSharedSignals(
  given: SharedSignalsOptions | undefined,
  { sinks }: Pick<ResolvedConfig["events"], "sinks">,
  faults: string[],
): SharedSignals | undefined {
  if (given === undefined) return undefined;
  const { streams = {}, transmitters = [] } = given;
  const taken = sinks.map(({ name }) => name);
  const read = Object.entries(streams).map(([id, stream]) =>
    readStream(id, stream, taken, (text) => faults.push(`sharedSignals.streams.${id}${text}`)),
  );
  const tokens = read.flatMap(({ tokenHash }) => (tokenHash === undefined ? [] : [tokenHash]));
  if (new Set(tokens).size < tokens.length) faults.push("sharedSignals.streams: two have the same token");
  const known = transmitters.map((transmitter, index) =>
    readTransmitter(transmitter, (text) => faults.push(`sharedSignals.transmitters[${index}]${text}`)),
  );
  const issuers = known.map(({ issuer }) => issuer);
  if (new Set(issuers).size < issuers.length) faults.push("sharedSignals.transmitters: two have the same issuer");
  return { streams: read, transmitters: known };
}

function readStream(id: string, stream: SignalStreamOptions, taken: readonly string[], fault: Fault): SignalStream {
  const { token, delivery, events = signalTypes } = stream;
  const audience = [stream.audience].flat();
  if (!idPattern.test(id)) fault(": must be called by small letters, digits and hyphens");
  if (taken.includes(consumerOf(id))) fault(`: a sink is called ${consumerOf(id)} already`);
  if (audience.length === 0 || !audience.every(isText)) fault(".audience: must say how the receiver is called");
  if (events.length === 0 || !events.every((type) => signalTypes.includes(type)))
    fault(`.events: must be among ${signalTypes.join(", ")}`);
  checkToken(token, fault);
  if (delivery?.method === "poll" && token === undefined) fault(".token: is needed to poll");
  const read = delivery?.method === "poll" ? readPoll(delivery, fault) : readPush(id, delivery, fault);
  return { id, audience, delivery: read, tokenHash: token === undefined ? undefined : tokenHashOf(token), events };
}

function readPoll({ maxWaiting = 10_000 }: PollDelivery, fault: Fault): Required<PollDelivery> {
  if (!(Number.isInteger(maxWaiting) && maxWaiting >= 1 && maxWaiting <= 1_000_000))
    fault(".delivery.maxWaiting: must be a whole number between 1 and 1000000");
  return { method: "poll", maxWaiting };
}

function readPush(id: string, delivery: PushDelivery | undefined, fault: Fault): PushDelivery {
  if (delivery?.method !== "push") {
    fault('.delivery.method: must be "push" or "poll"');
    return { method: "push", url: "" };
  }
  try {
    openPush(id, delivery).close();
  } catch (error) {
    const text = error instanceof TypeError ? error.message : "cannot be used";
    fault(text.replace(`sharedSignals.streams.${id}`, ".delivery"));
  }
  return delivery;
}

function readTransmitter(given: SignalTransmitterOptions, fault: Fault): SignalTransmitter {
  const { issuer, jwksUri, audience, subjectOf, token, algorithms = usualAlgorithms, on } = given;
  if (!isText(issuer)) fault(".issuer: is missing");
  if (!isText(audience)) fault(".audience: must say what the transmitter calls us");
  if (typeof subjectOf !== "function") fault(".subjectOf: must be a function that answers a user id or null");
  checkToken(token, fault);
  try {
    createRemoteKeySet({ url: jwksUri });
  } catch (error) {
    fault(`.jwksUri: ${error instanceof TypeError ? error.message : "cannot be used"}`);
  }
  if (algorithms.length === 0 || !algorithms.every((name) => allAlgorithms.includes(name)))
    fault(`.algorithms: must be among ${allAlgorithms.join(", ")}`);
  for (const [type, action] of Object.entries(on ?? {})) {
    if (!(signalTypes as readonly string[]).includes(type)) fault(`.on.${type}: there is no such signal`);
    if (!actions.includes(action)) fault(`.on.${type}: must be one of ${actions.join(", ")}`);
  }
  const tokenHash = token === undefined ? undefined : tokenHashOf(token);
  return { issuer, jwksUri, audience, subjectOf, algorithms, on: on ?? {}, tokenHash };
}

const allAlgorithms: readonly SigningAlgorithm[] = [...usualAlgorithms, "ES384"];

function checkToken(token: string | undefined, fault: Fault): void {
  if (token !== undefined && !(typeof token === "string" && tokenPattern.test(token)))
    fault(".token: must be at least 32 random characters without blanks: openssl rand -base64 32");
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 2_048;
}

import { describe, expect, it } from "vitest";
import type { SharedSignalsOptions, SignalStreamOptions, SignalTransmitterOptions } from "../shared-signals/index.js";
import { readSharedSignals } from "./shared-signals.js";

const token = "a-token-of-the-stream-0123456789abcdef";
const push: SignalStreamOptions = {
  audience: "https://partner.example/",
  delivery: { method: "push", url: "https://partner.example/ssf" },
};
const transmitter: SignalTransmitterOptions = {
  issuer: "https://idp.example.com",
  jwksUri: "https://idp.example.com/jwks.json",
  audience: "https://app.example.com",
  subjectOf: () => null,
  on: { "session-revoked": "revoke-sessions" },
};

function faultsOf(given: unknown, sinks: readonly string[] = []): string[] {
  const faults: string[] = [];
  const named = sinks.map((name) => ({ name, deliver: async () => {} }));
  readSharedSignals(given as SharedSignalsOptions, { sinks: named }, faults);
  return faults;
}
const ofStream = (more: object): string[] => faultsOf({ streams: { partner: { ...push, ...more } } });
const ofTransmitter = (more: object): string[] => faultsOf({ transmitters: [{ ...transmitter, ...more }] });

describe("sharedSignals", () => {
  it("takes sound ones, and is nothing when it is not given", () => {
    expect(readSharedSignals(undefined, { sinks: [] }, [])).toBeUndefined();
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf({ streams: { partner: push }, transmitters: [transmitter] })).toEqual([]);
    expect(ofStream({ token, delivery: { method: "poll", maxWaiting: 1 }, events: ["account-purged"] })).toEqual([]);
    expect(ofTransmitter({ token, algorithms: ["ES384"] })).toEqual([]);
  });

  it("keeps a token as its digest alone", () => {
    const read = readSharedSignals(
      { streams: { partner: { ...push, token } }, transmitters: [{ ...transmitter, token }] },
      { sinks: [] },
      [],
    );
    expect(JSON.stringify(read)).not.toContain(token);
  });

  it.each([
    [{ audience: "" }, ".audience"],
    [{ audience: [] }, ".audience"],
    [{ events: [] }, ".events"],
    [{ events: ["session.revoked"] }, ".events"],
    [{ token: "short" }, ".token"],
    [{ token: `${token} ${token}` }, ".token"],
    [{ delivery: { method: "poll" } }, ".token: is needed"],
    [{ token, delivery: { method: "poll", maxWaiting: 0 } }, ".delivery.maxWaiting"],
    [{ delivery: { method: "carrier pigeon" } }, ".delivery.method"],
    [{ delivery: undefined }, ".delivery.method"],
    [{ delivery: { method: "push", url: "http://partner.example/" } }, "`url` is refused"],
    [{ delivery: { method: "push", url: "https://169.254.169.254/" } }, "`url` is refused"],
    [{ delivery: { method: "push", url: "/ssf" } }, "`url`"],
    [{ delivery: { ...push.delivery, authorization: "a\nb" } }, "`authorization`"],
    [{ delivery: { ...push.delivery, allowAddresses: ["home"] } }, "`allowAddresses`"],
  ])("names what is wrong with a stream: %j", (more, at) => {
    const [fault = "", ...others] = ofStream(more);
    expect(fault).toContain("sharedSignals.streams.partner");
    expect(fault).toContain(at);
    expect(others).toEqual([]);
  });

  it.each([
    [{ issuer: "" }, ".issuer"],
    [{ audience: undefined }, ".audience"],
    [{ subjectOf: "sub" }, ".subjectOf"],
    [{ jwksUri: "http://idp.example.com/jwks.json" }, ".jwksUri"],
    [{ jwksUri: "nowhere" }, ".jwksUri"],
    [{ algorithms: [] }, ".algorithms"],
    [{ algorithms: ["HS256"] }, ".algorithms"],
    [{ algorithms: ["none"] }, ".algorithms"],
    [{ token: "short" }, ".token"],
    [{ on: { "session.revoked": "suspend" } }, ".on.session.revoked"],
    [{ on: { "session-revoked": "delete" } }, ".on.session-revoked"],
  ])("names what is wrong with a transmitter: %j", (more, at) => {
    const [fault = "", ...others] = ofTransmitter(more);
    expect(fault).toContain(`sharedSignals.transmitters[0]${at}`);
    expect(others).toEqual([]);
  });

  it("wants names, tokens and issuers of one's own", () => {
    expect(faultsOf({ streams: { Partner: push } })[0]).toContain("small letters");
    expect(faultsOf({ streams: { partner: push } }, ["ssf-partner"])[0]).toContain("ssf-partner");
    expect(faultsOf({ streams: { a: { ...push, token }, b: { ...push, token } } })[0]).toContain("same token");
    expect(faultsOf({ transmitters: [transmitter, transmitter] })[0]).toContain("same issuer");
  });
});

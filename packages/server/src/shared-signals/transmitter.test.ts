import { createAccessTokenVerifier, createLocalKeySet, eventSchemaVersions, type JwkSet } from "@segno/core";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { actor, addSession, jsonRequest, type Node, openNode, origin, rotateNow } from "../../test/engine-kit.js";
import { everyEvent, outgoingOf } from "../../test/every-event.js";
import { type HttpsReceiver, noReceiver, startHttpsReceiver } from "../../test/https-receiver.js";
import { personalCanaries } from "../../test/sink-events.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import type { SegnoOptions } from "../config.js";
import { keyApi } from "../../test/engine-kit.js";
import { deleteUser, resumeUser, suspendUser } from "../users/index.js";
import { claimsOf, eventTypesOf } from "./claims-of.js";
import { signalTypes } from "./signal-types.js";

const token = "a-token-of-the-stream-0123456789abcdef";
const bearer = { authorization: `Bearer ${token}` };
const audience = "https://partner.example/";
const to = { issuer: origin, stream: "partner", audience: [audience] };
const caep = "https://schemas.openid.net/secevent/caep/event-type/";
const risc = "https://schemas.openid.net/secevent/risc/event-type/";
type Events = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

describe("what a signal says of an event", () => {
  const eventsOf = (type: Parameters<typeof outgoingOf>[0], data?: object): Events | undefined => {
    const { event } = outgoingOf(type);
    const claims = claimsOf(data === undefined ? event : ({ ...event, data } as typeof event), to);
    return claims?.["events"] as Events | undefined;
  };
  const at = { event_timestamp: expect.any(Number) as number, initiating_entity: expect.any(String) as string };

  it.each([
    ["session.revoked", { reason: "sign_out" }, `${caep}session-revoked`, { reason_admin: { en: "sign_out" } }],
    ["session.revoked", { reason: `Ada <${personalCanaries[0]}>` }, `${caep}session-revoked`, {}],
    [
      "passkey.added",
      { passkeyId: "p", isBackedUp: true, transports: ["internal", "hybrid"] },
      `${caep}credential-change`,
      { credential_type: "fido2-platform", change_type: "create" },
    ],
    [
      "passkey.added",
      { passkeyId: "p", isBackedUp: false, transports: ["usb"] },
      `${caep}credential-change`,
      { credential_type: "fido2-roaming", change_type: "create" },
    ],
    ["passkey.renamed", undefined, `${caep}credential-change`, { credential_type: "passkey", change_type: "update" }],
    ["passkey.removed", undefined, `${caep}credential-change`, { credential_type: "passkey", change_type: "delete" }],
    [
      "email.verified",
      { purpose: "add" },
      `${caep}credential-change`,
      { credential_type: "email", change_type: "create" },
    ],
    [
      "stepup.success",
      { method: "passkey", acr: "phr", amr: ["hwk"] },
      `${caep}assurance-level-change`,
      { namespace: "urn:segno:acr", current_level: "phr", change_direction: "increase" },
    ],
    ["user.suspended", undefined, `${risc}account-disabled`, {}],
    ["user.resumed", undefined, `${risc}account-enabled`, {}],
    ["user.deleted", undefined, `${risc}account-purged`, {}],
  ] as const)("%s", (type, data, uri, payload) => {
    expect(eventsOf(type, data)).toEqual({ [uri]: { ...at, ...payload } });
  });

  it("says nothing of all others, of nobody, and of an address that signs in", () => {
    const told = eventTypesOf(signalTypes);
    for (const { event } of everyEvent().filter(({ event }) => !told.includes(event.type)))
      expect(claimsOf(event, to)).toBeUndefined();
    expect(everyEvent()).toHaveLength(Object.keys(eventSchemaVersions).length);
    expect(eventsOf("email.verified", { purpose: "sign_in" })).toBeUndefined();
    expect(claimsOf({ ...outgoingOf("user.deleted").event, subject: null }, to)).toBeUndefined();
  });

  it("names people by id alone: nothing personal stands in any of them, and each is the same at every try", () => {
    for (const { event } of everyEvent()) {
      const claims = claimsOf(event, to);
      expect(claimsOf(event, to)).toEqual(claims);
      for (const mark of personalCanaries) expect(JSON.stringify(claims) ?? "").not.toContain(mark);
      expect(claims ?? {}).not.toHaveProperty("exp");
      expect(claims ?? {}).not.toHaveProperty("sub");
    }
  });
});

describe.skipIf(noReceiver !== undefined).each(testDatabases)("a transmitter on $name", { timeout: 60_000 }, (kind) => {
  let database: TestDatabase;
  let receiver: HttpsReceiver;
  let node: Node;
  beforeAll(async () => {
    receiver = await startHttpsReceiver();
  });
  afterAll(async () => await receiver.stop());
  beforeEach(async ({ skip }) => {
    if (kind.skipped !== undefined) skip(kind.skipped);
    database = await kind.create();
    receiver.answerWith(() => 202);
    receiver.requests.length = 0;
    node = await openNode(database.source(), { sharedSignals: { streams: { partner: streamOf() } } });
  });
  afterEach(async () => {
    if (kind.skipped !== undefined) return;
    await node.stop();
    await database.drop();
  });
  const streamOf = (): NonNullable<NonNullable<SegnoOptions["sharedSignals"]>["streams"]>[string] => ({
    audience,
    token,
    delivery: { method: "push", url: `${receiver.url}/ssf`, allowAddresses: ["127.0.0.1"], ca: receiver.ca },
  });
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    await node.handler(new Request(`${origin}${path}`, { headers }), { remoteAddress: "203.0.113.9" });
  const keySet = async (): Promise<JwkSet> => (await (await get("/.well-known/ssf-jwks.json")).json()) as JwkSet;
  const urisOf = (): string[] =>
    receiver.requests.flatMap(({ body }) => Object.keys((decodeJwt(body)["events"] ?? {}) as object));

  it("tells of a suspension, a return and the end of an account, in order, signed by a key of its key set", async () => {
    const { session } = await addSession(node.engine);
    const userId = session.user_id;
    await suspendUser(node.engine, userId, { ...actor, kind: "operator" });
    await resumeUser(node.engine, userId, actor);
    await deleteUser(node.engine, userId, actor);
    await node.events.drain();
    expect(urisOf()).toEqual([
      `${caep}session-revoked`,
      `${risc}account-disabled`,
      `${risc}account-enabled`,
      `${risc}account-purged`,
    ]);
    const keys = createLocalJWKSet({ keys: [...(await keySet()).keys] } as Parameters<typeof createLocalJWKSet>[0]);
    const currentDate = new Date(node.clock.nowMs());
    const [first, second] = receiver.requests;
    const { payload } = await jwtVerify(first?.body ?? "", keys, {
      issuer: origin,
      audience,
      typ: "secevent+jwt",
      currentDate,
    });
    expect(payload).toMatchObject({
      txn: "test",
      sub_id: {
        format: "complex",
        user: { format: "iss_sub", iss: origin, sub: userId },
        session: { format: "opaque", id: session.id },
      },
    });
    expect(decodeJwt(second?.body ?? "")).toMatchObject({
      sub_id: { format: "iss_sub", iss: origin, sub: userId },
      events: { [`${risc}account-disabled`]: { initiating_entity: "admin" } },
    });
  });

  it("T-065: a security event token is no access token, and no access token tells of anything", async () => {
    const { session } = await addSession(node.engine);
    await suspendUser(node.engine, session.user_id, actor);
    await node.events.drain();
    const set = receiver.requests[0]?.body ?? "";
    const verify = async (keys: JwkSet, text: string): Promise<string> =>
      await createAccessTokenVerifier({
        issuer: origin,
        audience: [origin, audience],
        keys: createLocalKeySet(keys),
        clock: node.clock,
      })
        .verify(text)
        .then(
          () => "accepted",
          (error: { code: string }) => error.code,
        );
    const tokenKeys = await node.engine.signer.publicKeys();
    expect(await verify(tokenKeys, set)).toMatch(/^token_(type|malformed|key_unknown)$/);
    // even where a verifier was given the wrong key set
    expect(await verify(await keySet(), set)).toBe("token_type");
    const kids = (await keySet()).keys.map(({ kid }) => kid);
    expect(kids).toContain(decodeProtectedHeader(set).kid);
    for (const { kid } of tokenKeys.keys) expect(kids).not.toContain(kid);
    expect((await get("/api/auth/v1/sessions", { authorization: `Bearer ${set}` })).status).toBe(401);
    expect(await node.authenticate({ headers: { authorization: `Bearer ${set}` } })).toMatchObject({
      status: "invalid",
    });
    // and a document that the application has signed is of another type
    const signed = await keyApi(node).signDocument({ events: {} }, { expiresInSeconds: 60 });
    expect(decodeProtectedHeader(signed.token).typ).toBe("document+jwt");
  });

  it("sends the same token again after the receiver was away, and goes on with the next key after a rotation", async () => {
    const { session } = await addSession(node.engine);
    receiver.answerWith(() => 503);
    await suspendUser(node.engine, session.user_id, actor);
    await node.events.drain();
    await rotateNow(node);
    await keyApi(node).rotate({ purpose: "document", atOnce: true });
    const sent: string[] = [];
    receiver.answerWith(({ body }) => {
      sent.push(body);
      return sent.length === 1 ? 503 : 202;
    });
    for (let tries = 0; tries < 20 && receiver.requests.length < 2; tries += 1) {
      node.clock.advance({ milliseconds: 120_000 });
      await node.events.drain();
    }
    expect(sent.length).toBeGreaterThanOrEqual(3);
    expect(new Set(sent.map((each) => decodeJwt(each).jti)).size).toBe(2);
    const kids = (await keySet()).keys.map(({ kid }) => kid);
    for (const each of sent) expect(kids).toContain(decodeProtectedHeader(each).kid);
    expect(decodeJwt(sent[0] ?? "")).toEqual(decodeJwt(sent[1] ?? ""));
  });

  it("says what it is, and of a stream to its receiver alone", async () => {
    const told = await get("/.well-known/ssf-configuration");
    expect(await told.json()).toEqual({
      spec_version: "1_0",
      issuer: origin,
      jwks_uri: `${origin}/.well-known/ssf-jwks.json`,
      delivery_methods_supported: ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
      configuration_endpoint: `${origin}/api/auth/v1/ssf/stream`,
      status_endpoint: `${origin}/api/auth/v1/ssf/status`,
      verification_endpoint: `${origin}/api/auth/v1/ssf/verify`,
      authorization_schemes: [{ spec_urn: "urn:ietf:rfc:6750" }],
      default_subjects: "ALL",
    });
    const stream = await (await get("/api/auth/v1/ssf/stream", bearer)).json();
    expect(stream).toMatchObject({
      stream_id: "partner",
      iss: origin,
      aud: audience,
      delivery: { method: "urn:ietf:rfc:8935", endpoint_url: `${receiver.url}/ssf` },
    });
    expect(JSON.stringify(stream)).not.toContain(token);
    expect(await (await get("/api/auth/v1/ssf/status?stream_id=partner", bearer)).json()).toEqual({
      stream_id: "partner",
      status: "enabled",
    });
    for (const headers of [
      {},
      { authorization: "Bearer wrong" },
      { authorization: token },
      { authorization: "Bearer " },
    ])
      for (const path of ["stream", "status"])
        expect((await get(`/api/auth/v1/ssf/${path}`, headers)).status).toBe(401);
    expect((await get("/api/auth/v1/ssf/status?stream_id=other", bearer)).status).toBe(401);
  });

  it("sends a verification with the receiver's state, once in ten seconds", async () => {
    const verify = async (headers: Readonly<Record<string, string>>): Promise<Response> =>
      await node.handler(
        jsonRequest("POST", "/api/auth/v1/ssf/verify", { stream_id: "partner", state: "seen?" }, headers),
        { remoteAddress: "203.0.113.9" },
      );
    expect((await verify({})).status).toBe(401);
    expect((await verify(bearer)).status).toBe(204);
    expect((await verify(bearer)).status).toBe(429);
    const claims = decodeJwt(receiver.requests[0]?.body ?? "");
    expect(claims).toMatchObject({
      sub_id: { format: "opaque", id: "partner" },
      events: { "https://schemas.openid.net/secevent/ssf/event-type/verification": { state: "seen?" } },
    });
    receiver.answerWith(() => 503);
    node.clock.advance({ milliseconds: 10_001 });
    expect((await verify(bearer)).status).toBe(204);
    expect(receiver.requests).toHaveLength(1);
  });
});

describe("an engine without streams", () => {
  it("has none of the routes", async () => {
    const source = testDatabases.find(({ name }) => name === "sqlite memory");
    const database = await source?.create();
    if (database === undefined) expect.fail("no database");
    const node = await openNode(database.source());
    for (const path of ["/.well-known/ssf-configuration", "/.well-known/ssf-jwks.json", "/api/auth/v1/ssf/stream"])
      expect((await node.handler(new Request(`${origin}${path}`))).status).toBe(404);
    await node.stop();
    await database.drop();
  });
});

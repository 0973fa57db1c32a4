import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { SegnoError } from "../errors.js";
import { eventSchemaVersions, type SegnoEvent } from "./events.js";
import { type TelemetryHook, withTelemetry } from "./hook.js";
import { findPersonal, isPersonal, personal, revealPersonal } from "./personal.js";
import { toOtelAttributes } from "./to-otel.js";

describe("withTelemetry", () => {
  function recorder(log: string[], name: string): TelemetryHook {
    return {
      before: (context) => void log.push(`${name} before ${context.operation}`),
      after: (_context, end) => void log.push(`${name} after ${end.outcome}`),
      error: (_context, error) => void log.push(`${name} error ${error.code}`),
      finally: (_context, end) => void log.push(`${name} finally ${end.outcome} ${end.durationMs}`),
    };
  }
  const ticking = () => {
    let now = 0;
    return () => (now += 5);
  };

  it("runs the four stages, inside out, and returns what the work returns", async () => {
    const log: string[] = [];
    const hooks = [recorder(log, "a"), {}, recorder(log, "b")];
    const value = await withTelemetry({ hooks, operation: "token.issue", monotonicMs: ticking() }, () => 7);
    expect(value).toBe(7);
    expect(log).toEqual([
      "a before token.issue",
      "b before token.issue",
      "b after success",
      "a after success",
      "b finally success 5",
      "a finally success 5",
    ]);
  });

  it("shows an error as its code and lets the original through", async () => {
    const log: string[] = [];
    const original = new Error("boom");
    const scope = { hooks: [recorder(log, "a")], operation: "x", monotonicMs: ticking() };
    await expect(withTelemetry(scope, () => Promise.reject(original))).rejects.toBe(original);
    expect(log).toEqual(["a before x", "a error internal", "a finally failure 5"]);
    const refused = new SegnoError("invalid_grant");
    await expect(
      withTelemetry(scope, () => {
        throw refused;
      }),
    ).rejects.toBe(refused);
    expect(log).toContain("a error invalid_grant");
  });

  it("R052: a hook that throws, rejects or never ends neither breaks nor delays the operation", async () => {
    const fails = () => {
      throw new Error("hook");
    };
    const rejects = () => Promise.reject(new Error("hook"));
    const hangs = () => new Promise<void>(() => undefined);
    const hooks = [fails, rejects, hangs].map((stage) => ({
      before: stage,
      after: stage,
      error: stage,
      finally: stage,
    }));
    expect(await withTelemetry({ hooks, operation: "x" }, async () => "done")).toBe("done");
    await expect(withTelemetry({ hooks, operation: "x" }, () => Promise.reject(new Error("work")))).rejects.toThrow(
      "work",
    );
  });

  it("gives hooks a context they cannot change, the same object in every stage", async () => {
    const seen = new Set<object>();
    const attributes = { method: "passkey" };
    const hook: TelemetryHook = {
      before: (context) => {
        seen.add(context);
        expect(Object.isFrozen(context) && Object.isFrozen(context.attributes)).toBe(true);
        expect(context.requestId).toBe("r-1");
      },
      finally: (context) => void seen.add(context),
    };
    await withTelemetry({ hooks: [hook], operation: "x", requestId: "r-1", attributes }, () => undefined);
    expect(seen.size).toBe(1);
  });
});

const event: SegnoEvent<"login.failure"> = {
  id: "e-1",
  type: "login.failure",
  schemaVersion: 1,
  time: "2027-01-15T08:00:00.000Z",
  requestId: "r-1",
  subject: null,
  sessionId: null,
  clientId: "segno",
  actor: { type: "user", id: null },
  deviceId: null,
  deviceClass: "phone",
  networkId: null,
  place: null,
  tenantId: null,
  experiment: null,
  variant: null,
  traceId: null,
  outcome: "failure",
  failureClass: "wrong_code",
  data: { method: "email_code", reason: "wrong_code" },
};

describe("toOtelAttributes", () => {
  it("maps an event to flat attributes and leaves out what is null", () => {
    expect(toOtelAttributes(event)).toEqual({
      "event.name": "segno.login.failure",
      "segno.event.id": "e-1",
      "segno.event.schema_version": 1,
      "segno.outcome": "failure",
      "segno.actor.type": "user",
      "segno.device.class": "phone",
      "segno.failure_class": "wrong_code",
      "segno.request.id": "r-1",
      "segno.client.id": "segno",
      "error.type": "wrong_code",
      "segno.method": "email_code",
      "segno.reason": "wrong_code",
    });
  });

  it("uses the conventional names for user and session, and lists of strings", () => {
    const success: SegnoEvent<"login.success"> = {
      ...event,
      type: "login.success",
      subject: "user-1",
      sessionId: "session-1",
      outcome: "success",
      failureClass: null,
      data: { method: "passkey", acr: "phr", amr: ["swk", "user"], isNewUser: false },
    };
    const attributes = toOtelAttributes(success);
    expect(attributes["user.id"]).toBe("user-1");
    expect(attributes["session.id"]).toBe("session-1");
    expect(attributes["segno.amr"]).toEqual(["swk", "user"]);
    expect(attributes["segno.is_new_user"]).toBe(false);
    expect("error.type" in attributes).toBe(false);
  });

  it("T-072: lets neither personal values nor nested objects through", () => {
    const data = {
      ...event.data,
      email: personal("ada@example.com"),
      nested: { email: "ada@example.com" },
      list: [{}],
    };
    const attributes = toOtelAttributes({ ...event, data } as unknown as SegnoEvent);
    expect(findPersonal(attributes, ["ada@example.com"])).toEqual([]);
    expect(JSON.stringify(attributes)).not.toContain("[personal]");
  });
});

describe("Personal", () => {
  const address = personal("ada@example.com");

  it("T-072: shows itself to nobody", () => {
    const shown = [
      JSON.stringify({ address }),
      String(address),
      `${address}`,
      inspect({ address }, { showHidden: true, depth: 9 }),
      JSON.stringify({ ...address }),
      JSON.stringify(Object.getOwnPropertyDescriptors(address)),
      Object.prototype.toString.call(address),
    ];
    for (const text of shown) expect(text).not.toContain("ada");
    expect(JSON.stringify({ address })).toBe('{"address":"[personal]"}');
    expect(Object.isFrozen(address)).toBe(true);
  });

  it("opens only by name, and only what it closed", () => {
    expect(revealPersonal(address)).toBe("ada@example.com");
    expect(revealPersonal(personal({ ip: "10.0.0.1" }))).toEqual({ ip: "10.0.0.1" });
    expect(isPersonal(structuredClone({}))).toBe(false);
    expect(() => revealPersonal({} as never)).toThrow(TypeError);
    expect(() => revealPersonal("x" as never)).toThrow(TypeError);
  });

  it("R040: the scan finds wrapped values and planted canaries wherever they are", () => {
    const loop: Record<string, unknown> = { deep: [{ text: "mail to ADA@example.com now" }] };
    loop["self"] = loop;
    loop["map"] = new Map([["ada@example.com", 1]]);
    loop["wrapped"] = { address };
    loop["ada@example.com"] = 1;
    expect(findPersonal(loop, ["ada@example.com"])).toEqual([
      "deep.0.text",
      "map.ada@example.com",
      "wrapped.address",
      "ada@example.com",
    ]);
    expect(findPersonal(address)).toEqual([""]);
    expect(findPersonal({ a: [1, null, undefined, "x"] }, ["ada"])).toEqual([]);
    expect(findPersonal("Ada", ["ada"])).toEqual([""]);
  });
});

describe("the event catalogue", () => {
  it("R051: holds exactly the agreed names, each with a schema version", () => {
    expect(Object.keys(eventSchemaVersions)).toMatchInlineSnapshot(`
      [
        "login.success",
        "login.failure",
        "risk.alert",
        "attempt.started",
        "attempt.abandoned",
        "token.issued",
        "token.exchanged",
        "token.refreshed",
        "token.revoked",
        "session.created",
        "session.revoked",
        "stepup.required",
        "stepup.success",
        "policy.decided",
        "user.created",
        "user.updated",
        "user.deleted",
        "user.suspended",
        "user.resumed",
        "subject.erased",
        "consent.granted",
        "consent.withdrawn",
        "email.challenge_sent",
        "email.verified",
        "passkey.added",
        "passkey.renamed",
        "passkey.removed",
        "client.created",
        "client.revoked",
        "key.created",
        "key.rotated",
        "key.retired",
        "key.compromised",
        "key.destroyed",
        "key.used",
        "key.custody_failed",
        "key.custody_recovered",
        "slo.alert",
        "slo.recovered",
        "ui.exposed",
        "ui.method_shown",
        "ui.ceremony_started",
        "ui.ceremony_ended",
        "ui.abandoned",
      ]
    `);
    expect(Object.values(eventSchemaVersions).every((version) => version >= 1)).toBe(true);
  });
});

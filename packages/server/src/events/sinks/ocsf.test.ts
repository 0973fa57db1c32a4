import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventSchemaVersions, type SegnoEvent, type SegnoEventType } from "@segno/core";
import { afterAll, describe, expect, it } from "vitest";
import { runDocsBlock } from "../../../test/docs-block.js";
import { personalCanaries } from "../../../test/sink-events.js";
import { everyEvent, outgoingOf } from "../../../test/every-event.js";
import type { EventSink, OutgoingEvent } from "../sink.js";
import { ocsfSink, type OcsfSinkOptions } from "./ocsf.js";

type Json = Readonly<Record<string, unknown>>;

async function told(
  events: readonly OutgoingEvent[],
  options: Partial<OcsfSinkOptions> = {},
): Promise<readonly Json[]> {
  let text = "";
  const to = {
    write(chunk: string, done: () => void) {
      text += chunk;
      done();
    },
  };
  await ocsfSink({ name: "siem", to, ...options }).deliver(events, AbortSignal.timeout(5_000));
  expect(text === "" || text.endsWith("\n")).toBe(true);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Json);
}
const tell = async (type: SegnoEventType, envelope: Partial<SegnoEvent> = {}): Promise<Json> => {
  const [line] = await told([outgoingOf(type, envelope)]);
  return line ?? expect.fail(`${type} was not told`);
};

/** From the schema of OCSF 1.3.0, without profiles: what each class has besides what all have. */
interface Class {
  readonly category: number;
  readonly activities: readonly number[];
  readonly required: readonly string[];
  readonly atLeastOne: readonly string[];
  readonly optional: readonly string[];
}
const iam = { category: 3, atLeastOne: [], optional: ["actor", "user"] } as const;
const classes: Readonly<Record<number, Class>> = {
  3001: { ...iam, activities: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99], required: ["user"] },
  3002: {
    ...iam,
    activities: [1, 2, 3, 4, 5, 6, 99],
    required: ["user"],
    atLeastOne: ["service", "dst_endpoint"],
    optional: [
      "actor",
      "session",
      "auth_factors",
      "auth_protocol",
      "auth_protocol_id",
      "is_mfa",
      "is_remote",
      "is_new_logon",
    ],
  },
  3003: {
    ...iam,
    activities: [1, 2, 99],
    required: ["user"],
    atLeastOne: ["privileges", "group"],
    optional: ["session"],
  },
  3004: { ...iam, activities: [1, 2, 3, 4, 99], required: ["entity"], optional: ["actor"] },
  2004: { category: 2, activities: [1, 2, 3, 99], required: ["finding_info"], atLeastOne: [], optional: ["evidences"] },
};
const required = ["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"];
const recommended = ["message", "status", "status_id", "status_detail", "severity", "unmapped"];
const captions = ["activity_name", "category_name", "class_name", "type_name"];
const severities = ["Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal"];

function expectValid(line: Json): void {
  const {
    category,
    activities,
    required: needed,
    atLeastOne,
    optional,
  } = classes[Number(line["class_uid"])] ?? expect.fail();
  expect(line["category_uid"]).toBe(category);
  expect(activities).toContain(line["activity_id"]);
  expect(line["type_uid"]).toBe(Number(line["class_uid"]) * 100 + Number(line["activity_id"]));
  expect(line["severity"]).toBe(severities[Number(line["severity_id"])]);
  expect([1, 2]).toContain(line["status_id"]);
  expect(Number.isSafeInteger(line["time"])).toBe(true);
  const names = Object.keys(line);
  expect(names).toEqual(expect.arrayContaining([...required, ...needed]));
  if (atLeastOne.length > 0) expect(names.some((name) => atLeastOne.includes(name))).toBe(true);
  const known = [...required, ...recommended, ...captions, ...needed, ...atLeastOne, ...optional];
  expect(names.filter((name) => !known.includes(name))).toEqual([]);
  const metadata = line["metadata"] as Json;
  expect(metadata).toMatchObject({ version: "1.3.0", product: { name: "Segno", vendor_name: "Segno" } });
  for (const user of usersIn(line)) {
    expect(user["uid"] ?? user["name"]).toMatch(/./);
    expect([0, 1, 99]).toContain(user["type_id"]);
  }
  if (needed.includes("entity")) expect((line["entity"] as Json)["uid"]).toMatch(/./);
  if (needed.includes("finding_info"))
    for (const name of ["uid", "title"]) expect((line["finding_info"] as Json)[name]).toMatch(/./);
  if (names.includes("privileges")) expect(line["privileges"]).not.toEqual([]);
}

/** The objects `user` of OCSF in a line: they have `type_id`. */
function usersIn(value: unknown): readonly Json[] {
  if (typeof value !== "object" || value === null) return [];
  const here = value as Json;
  const inside = Object.entries(here).flatMap(([name, each]) => (name === "unmapped" ? [] : usersIn(each)));
  return "type_id" in here ? [here, ...inside] : inside;
}

const notForSiem = /^(ui\.|slo\.|attempt\.abandoned$)/;

describe("ocsfSink", () => {
  it.each(Object.keys(eventSchemaVersions) as SegnoEventType[])(
    "R099: %s is a valid event of its class, or named as left out",
    async (type) => {
      for (const envelope of [
        {},
        { subject: null },
        { subject: null, clientId: null, sessionId: null, actor: { type: "system", id: null } },
      ] as Partial<SegnoEvent>[]) {
        const lines = await told([outgoingOf(type, envelope)]);
        expect(lines).toHaveLength(notForSiem.test(type) ? 0 : 1);
        for (const line of lines) {
          expectValid(line);
          expect(line["metadata"]).toMatchObject({ event_code: type });
        }
      }
    },
  );

  it("tells sign-in, refusal and sign-out as a SIEM looks for them", async () => {
    const user = { uid: "usr_ada", type: "User", type_id: 1 };
    expect(await tell("login.success")).toMatchObject({
      type_uid: 300201,
      type_name: "Authentication: Logon",
      status: "Success",
      severity: "Informational",
      user,
      is_mfa: true,
      is_new_logon: true,
      session: { uid: "ses_1" },
      service: { name: "Segno" },
      auth_factors: [{ factor_type: "WebAuthn", factor_type_id: 10 }],
    });
    expect(await tell("login.failure")).toMatchObject({
      type_uid: 300201,
      status: "Failure",
      severity: "Low",
      status_detail: "wrong_code",
      auth_factors: [{ factor_type: "Email", factor_type_id: 8 }],
    });
    expect(await tell("login.failure", { subject: null, clientId: null })).toMatchObject({
      user: { name: "unknown", type_id: 0 },
    });
    expect(await tell("session.revoked")).toMatchObject({ type_uid: 300202, status_detail: "sign_out", user });
  });

  it.each([
    ["user.created", 300101, 1],
    ["user.suspended", 300105, 2],
    ["user.resumed", 300102, 1],
    ["user.deleted", 300106, 1],
    ["passkey.added", 300110, 2],
    ["passkey.removed", 300111, 2],
    ["session.created", 300301, 1],
    ["token.issued", 300301, 1],
    ["attempt.started", 300206, 1],
    ["key.created", 300401, 1],
    ["key.compromised", 300403, 5],
    ["key.destroyed", 300404, 1],
    ["key.custody_failed", 300402, 4],
    ["risk.alert", 200401, 4],
  ] as const)("tells %s as %i with severity %i", async (type, typeUid, severity) => {
    expect(await tell(type)).toMatchObject({ type_uid: typeUid, severity_id: severity });
  });

  it("tells an alert as a new finding about the person", async () => {
    const event = outgoingOf("risk.alert");
    const [line] = await told([event]);
    expect(line).toMatchObject({
      status: "New",
      finding_info: { uid: event.event.id, title: "refresh_token_reuse" },
      evidences: [{ actor: { user: { uid: "usr_ada" }, session: { uid: "ses_1" } } }],
    });
  });

  it("tells a denial as a failure, and who acted apart from whom it happened to", async () => {
    expect(await tell("policy.decided")).toMatchObject({ status: "Failure", status_detail: "deny" });
    expect(await tell("user.suspended", { actor: { type: "operator", id: null } })).toMatchObject({
      user: { uid: "usr_ada" },
      actor: { user: { name: "operator", type_id: 99 } },
    });
  });

  it("keeps id, order, request and tenant, so that lines that are written twice are seen", async () => {
    const event = outgoingOf("login.success");
    expect((await told([event, event])).map((line) => line["metadata"])).toEqual(
      Array.from({ length: 2 }, () =>
        expect.objectContaining({
          uid: event.event.id,
          sequence: event.position,
          correlation_uid: "req_1",
          tenant_uid: "ten_1",
          log_name: "segno",
        }),
      ),
    );
  });

  it("T-072: tells nothing personal", async () => {
    const text = JSON.stringify(await told([...everyEvent()]));
    for (const canary of personalCanaries) expect(text).not.toContain(canary);
  });

  it("names every option that is wrong at once", () => {
    const make = (options: object) => () => ocsfSink({ name: "siem", to: "x", ...options } as OcsfSinkOptions);
    expect(make({ service: "shop" })).not.toThrow();
    expect(make({ name: "", to: 7, service: "" })).toThrow(/ocsfSink: `name`.*`service`.*`to`/);
    expect(make({ service: "a\nb" })).toThrow(TypeError);
  });

  describe("in the documentation", () => {
    const folder = mkdtempSync(join(tmpdir(), "segno-ocsf-"));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    it("R099: works as shown", async () => {
      const file = join(folder, "ocsf.jsonl");
      const { siem } = await runDocsBlock("concepts/event-sinks.md", "siem.ts", {
        "@segno/server/events": { ocsfSink: (options: OcsfSinkOptions) => ocsfSink({ ...options, to: file }) },
      });
      await (siem as EventSink).deliver([outgoingOf("login.success")], AbortSignal.timeout(5_000));
      expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ class_uid: 3002, service: { name: "shop" } });
    });
  });
});

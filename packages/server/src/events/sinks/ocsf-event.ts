import type { SegnoEvent } from "@segno/core";

/** The version of the Open Cybersecurity Schema Framework that all lines are written in. */
export const ocsfVersion = "1.3.0";

/** Classes of OCSF that Segno's events are told in. */
export const ocsfClasses = {
  accountChange: {
    class_uid: 3001,
    class_name: "Account Change",
    category_uid: 3,
    category_name: "Identity & Access Management",
  },
  authentication: {
    class_uid: 3002,
    class_name: "Authentication",
    category_uid: 3,
    category_name: "Identity & Access Management",
  },
  authorizeSession: {
    class_uid: 3003,
    class_name: "Authorize Session",
    category_uid: 3,
    category_name: "Identity & Access Management",
  },
  entityManagement: {
    class_uid: 3004,
    class_name: "Entity Management",
    category_uid: 3,
    category_name: "Identity & Access Management",
  },
  detectionFinding: { class_uid: 2004, class_name: "Detection Finding", category_uid: 2, category_name: "Findings" },
} as const;

/** One of the classes. */
export type OcsfClass = keyof typeof ocsfClasses;

/** How much an event matters to who watches: `severity_id` and its caption. */
export const ocsfSeverities = { informational: 1, low: 2, medium: 3, high: 4, critical: 5 } as const;

/** A user or a service account (object `user`): never a name or an address of a person. */
export interface OcsfUser {
  readonly uid?: string;
  /** Only a word such as `unknown` or `operator`, where there is no id. */
  readonly name?: string;
  readonly type: "User" | "Service" | "Unknown";
  readonly type_id: 0 | 1 | 99;
}

interface OcsfActor {
  readonly user: OcsfUser;
  readonly session?: { readonly uid: string };
}

/** What all classes have (`base_event` of OCSF 1.3.0). */
export interface OcsfEvent {
  readonly activity_id: number;
  readonly activity_name: string;
  readonly category_uid: number;
  readonly category_name: string;
  readonly class_uid: number;
  readonly class_name: string;
  /** `class_uid * 100 + activity_id`. */
  readonly type_uid: number;
  readonly type_name: string;
  readonly severity_id: number;
  readonly severity: string;
  readonly status_id: number;
  readonly status: string;
  readonly status_detail?: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly message: string;
  readonly metadata: {
    readonly version: typeof ocsfVersion;
    readonly product: { readonly name: "Segno"; readonly vendor_name: "Segno" };
    /** The event's id: the same when a line is written twice. */
    readonly uid: string;
    /** Its place in the one order of all events. */
    readonly sequence: number;
    /** Segno's name of the event. */
    readonly event_code: string;
    readonly log_name: "segno";
    readonly correlation_uid?: string;
    readonly tenant_uid?: string;
  };
  readonly user?: OcsfUser;
  readonly actor?: OcsfActor;
  readonly session?: { readonly uid: string };
  readonly evidences?: readonly { readonly actor: OcsfActor }[];
  readonly service?: { readonly name: string };
  readonly privileges?: readonly string[];
  readonly auth_factors?: readonly { readonly factor_type: string; readonly factor_type_id: number }[];
  readonly auth_protocol?: string;
  readonly auth_protocol_id?: number;
  readonly is_mfa?: boolean;
  readonly is_remote?: boolean;
  readonly is_new_logon?: boolean;
  readonly entity?: { readonly uid: string; readonly type: string };
  readonly finding_info?: { readonly uid: string; readonly title: string; readonly types: readonly string[] };
  /** What the event says, as Segno says it. */
  readonly unmapped: Readonly<Record<string, unknown>>;
}

/** Who it happens to: a person by the subject, else the client, else nobody that is known. */
export function ocsfUserOf({ subject, clientId }: Pick<SegnoEvent, "subject" | "clientId">): OcsfUser {
  if (subject !== null) return { uid: subject, type: "User", type_id: 1 };
  if (clientId !== null) return { uid: clientId, type: "Service", type_id: 99 };
  return { name: "unknown", type: "Unknown", type_id: 0 };
}

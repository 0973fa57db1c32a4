import type { SegnoEvent, SegnoEventType, SignInMethod } from "@segno/core";
import type { OcsfClass, OcsfEvent, ocsfSeverities } from "./ocsf-event.js";

/** How one type of event is told in OCSF. */
export interface OcsfRule<Type extends SegnoEventType> {
  readonly class: OcsfClass;
  /** `activity_id` and its caption; 99 stands for what the class has no activity for. */
  readonly activity: readonly [id: number, name: string];
  readonly severity?: keyof typeof ocsfSeverities;
  /** Default: as the event's outcome. */
  readonly isFailure?: (data: SegnoEvent<Type>["data"]) => boolean;
  /** What the class has beyond what all have. */
  readonly more?: (event: SegnoEvent<Type>) => Partial<OcsfEvent>;
}

/** What is about a page or a funnel, and nothing for who watches over security. */
export const notExported = "not exported";

const factors: Readonly<Record<SignInMethod, readonly [id: number, name: string]>> = {
  passkey: [10, "WebAuthn"],
  email_code: [8, "Email"],
  email_link: [8, "Email"],
};

interface Proof {
  readonly method: SignInMethod;
  readonly amr?: readonly string[];
}

function proofOf({ data }: { readonly data: Proof }): Partial<OcsfEvent> {
  const [id, name] = factors[data.method];
  return {
    is_remote: true,
    auth_factors: [{ factor_type: name, factor_type_id: id }],
    auth_protocol: name,
    auth_protocol_id: 99,
    ...(data.amr === undefined ? {} : { is_mfa: data.amr.includes("mfa") }),
  };
}

const account = { class: "accountChange" } as const;
const authentication = { class: "authentication" } as const;
const session = { class: "authorizeSession" } as const;
const preauth = { ...authentication, activity: [6, "Preauth"] } as const;
const reasonOf = ({ data }: { readonly data: { readonly reason: string } }): Partial<OcsfEvent> => ({
  status_detail: data.reason,
});
function granted({ data }: { readonly data: { readonly scope: string; readonly audience: readonly string[] } }) {
  const privileges = [...data.scope.split(" "), ...data.audience].filter((each) => each !== "");
  return { privileges: privileges.length > 0 ? privileges : ["none"] };
}
const keyOf = ({ data }: { readonly data: { readonly kid: string } }): Partial<OcsfEvent> => ({
  entity: { uid: data.kid, type: "Signing key" },
});
const custodyOf = ({ data }: { readonly data: { readonly custody: string } }): Partial<OcsfEvent> => ({
  entity: { uid: data.custody, type: "Key custody" },
});
const key = { class: "entityManagement", more: keyOf } as const;

type Rules = { readonly [Type in SegnoEventType]: OcsfRule<Type> | typeof notExported };

/** One line for each type of event; a type without one does not compile. Ids as in OCSF 1.3.0. */
export const ocsfRules: Rules = {
  "login.success": {
    ...authentication,
    activity: [1, "Logon"],
    more: (event) => ({ ...proofOf(event), is_new_logon: true }),
  },
  "login.failure": {
    ...authentication,
    activity: [1, "Logon"],
    severity: "low",
    more: (event) => ({ ...proofOf(event), status_detail: event.data.reason }),
  },
  "risk.alert": {
    class: "detectionFinding",
    activity: [1, "Create"],
    severity: "high",
    more: ({ id, type, data }) => ({ finding_info: { uid: id, title: data.kind, types: [type] } }),
  },
  "attempt.started": { ...preauth, more: proofOf },
  "attempt.abandoned": notExported,
  "token.issued": { ...session, activity: [1, "Assign Privileges"], more: granted },
  "token.exchanged": { ...session, activity: [1, "Assign Privileges"], more: granted },
  "token.refreshed": { ...authentication, activity: [99, "Token refreshed"] },
  "token.revoked": { ...authentication, activity: [99, "Token revoked"], more: reasonOf },
  "session.created": {
    ...session,
    activity: [1, "Assign Privileges"],
    more: ({ data }) => ({ privileges: [`acr:${data.acr}`, ...data.amr.map((each) => `amr:${each}`)] }),
  },
  "session.revoked": { ...authentication, activity: [2, "Logoff"], more: reasonOf },
  "stepup.required": { ...authentication, activity: [99, "Step-up required"] },
  "stepup.success": {
    ...authentication,
    activity: [99, "Step-up"],
    more: (event) => ({ ...proofOf(event), is_new_logon: false }),
  },
  "policy.decided": {
    ...session,
    activity: [99, "Policy decided"],
    isFailure: ({ decision }) => decision === "deny",
    more: ({ data }) => ({ privileges: [`policy:${data.policy}@${data.version}`], status_detail: data.decision }),
  },
  "user.created": { ...account, activity: [1, "Create"] },
  "user.updated": { ...account, activity: [99, "Update"] },
  "user.deleted": { ...account, activity: [6, "Delete"], more: reasonOf },
  "user.suspended": { ...account, activity: [5, "Disable"], severity: "low", more: reasonOf },
  "user.resumed": { ...account, activity: [2, "Enable"], more: reasonOf },
  "subject.erased": { ...account, activity: [99, "Personal data erased"] },
  "consent.granted": { ...account, activity: [99, "Consent granted"] },
  "consent.withdrawn": { ...account, activity: [99, "Consent withdrawn"] },
  "email.challenge_sent": preauth,
  "email.verified": { ...account, activity: [99, "Address verified"] },
  "passkey.added": { ...account, activity: [10, "MFA Factor Enable"], severity: "low" },
  "passkey.renamed": { ...account, activity: [99, "Passkey renamed"] },
  "passkey.removed": { ...account, activity: [11, "MFA Factor Disable"], severity: "low" },
  "client.created": { ...account, activity: [1, "Create"] },
  "client.revoked": { ...account, activity: [6, "Delete"], more: reasonOf },
  "key.created": { ...key, activity: [1, "Create"] },
  "key.rotated": { ...key, activity: [3, "Update"] },
  "key.retired": { ...key, activity: [3, "Update"] },
  "key.compromised": { ...key, activity: [3, "Update"], severity: "critical" },
  "key.destroyed": { ...key, activity: [4, "Delete"] },
  "key.used": { ...key, activity: [2, "Read"] },
  "key.custody_failed": {
    class: "entityManagement",
    activity: [2, "Read"],
    severity: "high",
    isFailure: () => true,
    more: (event) => ({ ...custodyOf(event), status_detail: event.data.fault }),
  },
  "key.custody_recovered": { class: "entityManagement", activity: [2, "Read"], more: custodyOf },
  "slo.alert": notExported,
  "slo.recovered": notExported,
  "ui.exposed": notExported,
  "ui.method_shown": notExported,
  "ui.ceremony_started": notExported,
  "ui.ceremony_ended": notExported,
  "ui.abandoned": notExported,
};

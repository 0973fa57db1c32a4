import type { SegnoEvent, SegnoEventType } from "@segno/core";
import type { EventSink, OutgoingEvent } from "../sink.js";
import { choiceOf, type SinkChoice } from "./choice.js";
import { createLineWriter, type LineTarget } from "./line-writer.js";
import {
  type OcsfClass,
  ocsfClasses,
  type OcsfEvent,
  ocsfSeverities,
  type OcsfUser,
  ocsfUserOf,
  ocsfVersion,
} from "./ocsf-event.js";
import { notExported, type OcsfRule, ocsfRules } from "./ocsf-rules.js";
import { checkChoice, createOptionFaults } from "./option-faults.js";

/** Options of `ocsfSink`. */
export interface OcsfSinkOptions extends SinkChoice {
  /** Names its place in the order of events, kept over restarts. `[a-z][a-z0-9-]{0,39}`, unique per engine. */
  readonly name: string;
  /** The path of a file that nothing else writes to, or a stream such as `process.stdout`. */
  readonly to: LineTarget;
  /** What people sign in to, as the SIEM should call it. Default `Segno`. */
  readonly service?: string;
}

/**
 * Writes events for a SIEM: one line of JSON each, in OCSF 1.3.0. Sign-ins and sign-outs are Authentication (3002), accounts and
 * passkeys Account Change (3001), sessions and tokens Authorize Session (3003), keys Entity Management (3004), `risk.alert`
 * Detection Finding (2004). People are told by their ids, and `unmapped` holds what the event says. What pages tell about
 * themselves (`ui.*`) and attempts that nobody finished are not written. Lines reach file and stream as with `jsonLinesSink`.
 *
 * Not checked: that the SIEM knows version 1.3.0.
 * @throws TypeError at once, naming every option that is wrong
 * @example
 * import { ocsfSink } from "@segno/server/events";
 * const sink = ocsfSink({ name: "siem", to: "/var/log/segno/ocsf.jsonl", service: "shop" });
 */
export function ocsfSink(options: OcsfSinkOptions): EventSink {
  const { service = "Segno" } = options;
  const faults = createOptionFaults("ocsfSink");
  checkChoice(faults, options);
  const isName = typeof service === "string" && /^[^\p{Cc}]{1,100}$/u.test(service);
  faults.require(isName, "`service` is a name of up to 100 characters");
  const write = createLineWriter(options.to, faults);
  faults.throwIfAny();
  return {
    ...choiceOf(options, options.name),
    async deliver(events, signal) {
      const lines = events.map((each) => ({ id: each.event.id, told: toOcsf(each, service) }));
      return await write(
        lines.flatMap(({ id, told }) => (told === undefined ? [] : [{ id, text: JSON.stringify(told) }])),
        signal,
      );
    },
  };
}

/** @returns undefined for what is not for a SIEM */
function toOcsf({ event, position }: OutgoingEvent, service: string): OcsfEvent | undefined {
  const rule = ruleOf(event);
  if (rule === undefined) return undefined;
  const [activityId, activityName] = rule.activity;
  const { category_uid, category_name, class_uid, class_name } = ocsfClasses[rule.class];
  const severity = rule.severity ?? "informational";
  const isFailure = rule.isFailure?.(event.data) ?? event.outcome === "failure";
  const isFinding = rule.class === "detectionFinding";
  return {
    activity_id: activityId,
    activity_name: activityName,
    category_uid,
    category_name,
    class_uid,
    class_name,
    type_uid: class_uid * 100 + activityId,
    type_name: `${class_name}: ${activityName}`,
    severity_id: ocsfSeverities[severity],
    severity: `${severity.charAt(0).toUpperCase()}${severity.slice(1)}`,
    status_id: isFinding || !isFailure ? 1 : 2,
    status: isFinding ? "New" : isFailure ? "Failure" : "Success",
    time: Date.parse(event.time),
    message: event.type,
    metadata: metadataOf(event, position),
    ...whoOf(event, rule.class),
    ...(rule.class === "authentication" ? { service: { name: service } } : {}),
    ...rule.more?.(event),
    unmapped: { failure_class: event.failureClass, ...event.data },
  };
}

/** The rule fits the event that it is looked up for, which the compiler cannot follow. */
function ruleOf(event: SegnoEvent): OcsfRule<SegnoEventType> | undefined {
  const rule = ocsfRules[event.type];
  return rule === notExported ? undefined : (rule as unknown as OcsfRule<SegnoEventType>);
}

function metadataOf(event: SegnoEvent, position: number): OcsfEvent["metadata"] {
  return {
    version: ocsfVersion,
    product: { name: "Segno", vendor_name: "Segno" },
    uid: event.id,
    sequence: position,
    event_code: event.type,
    log_name: "segno",
    ...(event.requestId === null ? {} : { correlation_uid: event.requestId }),
    ...(event.tenantId === null ? {} : { tenant_uid: event.tenantId }),
  };
}

/** The classes hold people in different places: this is what OCSF has for each without a profile. */
function whoOf(event: SegnoEvent, inClass: OcsfClass): Partial<OcsfEvent> {
  const session = event.sessionId === null ? {} : { session: { uid: event.sessionId } };
  const user = ocsfUserOf(event);
  const actor = { actor: { user: actorUserOf(event.actor), ...session } };
  if (inClass === "detectionFinding") return { evidences: [{ actor: { user, ...session } }] };
  if (inClass === "authorizeSession") return { user, ...session };
  if (inClass === "authentication") return { user, ...session, ...actor };
  return inClass === "accountChange" ? { user, ...actor } : actor;
}

function actorUserOf({ id, type }: SegnoEvent["actor"]): OcsfUser {
  if (type === "user")
    return id === null ? { name: "unknown", type: "Unknown", type_id: 0 } : { uid: id, type: "User", type_id: 1 };
  return { ...(id === null ? { name: type } : { uid: id }), type: "Service", type_id: 99 };
}

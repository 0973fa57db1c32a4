import { errorCodes, type SegnoErrorCode, type SegnoEventData } from "@segno/core";
import * as v from "valibot";
import type { Actor, Engine, NewEvent } from "../engine.js";

/** So many in one report. */
export const mostUiEvents = 50;

const flow = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/));
const surface = v.picklist(["sign_in", "step_up"]);
const method = v.picklist(["passkey", "email_code", "email_link"]);
const durationMs = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(86_400_000));
const facts = { flow, surface };
const reasons = [...errorCodes, "user_cancelled"] as readonly (SegnoErrorCode | "user_cancelled")[];

/** Closed: what is not listed here is refused, so that nothing a page says is text of its own. */
export const uiEventSchema: v.GenericSchema<UiEvent> = v.variant("type", [
  v.strictObject({ type: v.literal("ui.exposed"), ...facts, canUsePasskey: v.boolean() }),
  v.strictObject({ type: v.literal("ui.method_shown"), ...facts, method }),
  v.strictObject({ type: v.literal("ui.ceremony_started"), ...facts, method }),
  v.strictObject({
    type: v.literal("ui.ceremony_ended"),
    ...facts,
    method,
    reason: v.exactOptional(v.picklist(reasons)),
    durationMs,
  }),
  v.strictObject({ type: v.literal("ui.abandoned"), ...facts, method: v.exactOptional(method), durationMs }),
]);

type UiEventType = "ui.exposed" | "ui.method_shown" | "ui.ceremony_started" | "ui.ceremony_ended" | "ui.abandoned";
/** What a page tells of one moment. */
export type UiEvent = { [Type in UiEventType]: { readonly type: Type } & SegnoEventData<Type> }[UiEventType];

/** Of all pages together, in reports of at most fifty events: what anonymous pages may write is bounded. */
const allRule = { name: "ui.all", limit: 300, windowSeconds: 60 };
const perStatement = 10;

/**
 * Writes down what a page told of its screen. Who is signed in and from where comes from the request, never from the page.
 * The name of a showing is kept as a MAC alone: 22 characters that somebody else chose are text.
 * @throws SegnoError `rate_limited`
 */
export async function recordUiEvents(engine: Engine, events: readonly UiEvent[], actor: Actor): Promise<void> {
  await engine.limiter.take(allRule, "all");
  const { personal: _, ...who } = actor;
  const rows = events.map(({ type, ...data }) => {
    const named = { ...data, flow: engine.secrets.mac("ui.flow", data.flow).slice(0, 22) };
    return { type, data: named } as NewEvent;
  });
  await engine.store.transaction(async (trx) => {
    for (let from = 0; from < rows.length; from += perStatement) {
      await engine.events.appendAll(trx, who, rows.slice(from, from + perStatement));
    }
  });
  engine.events.nudge();
}

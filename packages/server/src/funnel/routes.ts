import * as v from "valibot";
import type { Engine } from "../engine.js";
import { defineRoute, type Route } from "../http/route.js";
import { mostUiEvents, recordUiEvents, uiEventSchema } from "./ui-events.js";

/** What pages tell of their screens. */
export function funnelRoutes(engine: Engine): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/v1/events",
      operationId: "reportUiEvents",
      summary: "What a page tells of its sign-in screen. A closed list: nothing in it is free text.",
      tag: "events",
      access: "public",
      rate: "report",
      maxBodyBytes: 65_536,
      body: v.strictObject({ events: v.pipe(v.array(uiEventSchema), v.minLength(1), v.maxLength(mostUiEvents)) }),
      answers: { 204: { description: "Written down." } },
      handle: async (context) => {
        await recordUiEvents(engine, context.body.events, context.actor);
        return { status: 204 };
      },
    }),
  ];
}

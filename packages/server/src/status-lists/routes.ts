import { SegnoError } from "@segno/core";
import * as v from "valibot";
import type { Engine } from "../engine.js";
import { defineRoute, isHeld, type Route } from "../http/index.js";
import { publishStatusList } from "./publish-status-list.js";

/** The status lists that tokens name. Public: a list says nothing to anybody who has no token. */
export function statusListRoutes(engine: Engine): Route[] {
  return [statusList(engine)];
}

function statusList(engine: Engine): Route {
  return defineRoute({
    method: "GET",
    path: "/.well-known/status-list/{number}",
    operationId: "getStatusList",
    summary: "Which tokens of a list were revoked: a signed, compressed bit list to poll with its ETag.",
    tag: "discovery",
    access: "public",
    rate: "none",
    answers: {
      200: { description: "A compact JWS, `application/statuslist+jwt`.", schema: v.string() },
      304: { description: "Not changed." },
    },
    handle: async ({ request, params }) => {
      const text = params["number"] ?? "";
      const published = /^(?:0|[1-9]\d{0,3})$/.test(text) ? await publishStatusList(engine, Number(text)) : undefined;
      if (published === undefined) throw new SegnoError("not_found");
      const { etag, token } = published;
      // a cache in between may add its second to the bound; more would be a promise we cannot keep for it
      const headers = { etag, "cache-control": "public, max-age=1" };
      if (isHeld(request, etag)) return { status: 304, headers };
      return { text: token, headers: { ...headers, "content-type": "application/statuslist+jwt" } };
    },
  });
}

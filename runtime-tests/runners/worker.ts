// What runs inside workerd: answers one request with the results.
import * as client from "@segno/client";
import * as core from "@segno/core";
import { runCases } from "../harness.ts";
import { cases } from "../suite.ts";

// A worker is a default export.
// oxlint-disable-next-line import/no-default-export
export default {
  fetch: async () => Response.json(await runCases(cases, { core, client })),
};

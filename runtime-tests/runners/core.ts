// Node, Bun and Deno: core and client as published for this runtime.
import * as client from "@segno/client";
import * as core from "@segno/core";
import { print, runCases } from "../harness.ts";
import { cases } from "../suite.ts";

print(await runCases(cases, { core, client }));

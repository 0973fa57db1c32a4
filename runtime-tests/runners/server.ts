// Node, Bun and Deno: the engine on node:sqlite.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as server from "@segno/server";
import { print, runCases } from "../harness.ts";
import { serverCases } from "../server-suite.ts";

const folder = mkdtempSync(join(tmpdir(), "segno-runtime-"));
print(await runCases(serverCases, { server, database: join(folder, "segno.db") }));
rmSync(folder, { recursive: true, force: true });

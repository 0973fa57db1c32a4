import { describe } from "vitest";
import { clientAssertionSuite } from "./client-assertion.suite.js";

describe("client assertions on node:crypto", clientAssertionSuite);

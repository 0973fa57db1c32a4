import { describe } from "vitest";
import { securityEventSuite } from "./verify-security-event.suite.js";

describe("security events on node:crypto", securityEventSuite);

import { describe, vi } from "vitest";
import { securityEventSuite } from "./verify-security-event.suite.js";

vi.mock("#crypto", () => import("../crypto/web.js"));

describe("security events on WebCrypto", securityEventSuite);

import { expect, it } from "vitest";
import * as testing from "./index.js";

it("freezes the public names: a change here needs a changeset", () => {
  expect(Object.keys(testing).sort()).toEqual([
    "createFaultProxy",
    "createInMemoryClient",
    "createMailCapture",
    "createSeededRandom",
    "createSoftwareAuthenticator",
    "createTestSegno",
    "createVirtualClock",
    "custodyContract",
    "mockSession",
    "mockSessionHandlers",
    "openBrowser",
    "segnoHandlers",
    "storeContract",
  ]);
});

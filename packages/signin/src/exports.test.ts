import { expect, it } from "vitest";
import * as signin from "./index.js";

it("the public values are these: a change needs a changeset", () => {
  expect(Object.keys(signin).sort()).toMatchInlineSnapshot(`
    [
      "addPasskey",
      "createSignIn",
      "createStepUp",
      "detectPasskeySupport",
      "listPasskeys",
      "passkeyErrorOf",
      "removePasskey",
    ]
  `);
});

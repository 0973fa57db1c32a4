import { expect, it } from "vitest";
import * as react from "./index.js";
import * as messages from "./messages.js";
import * as testing from "./testing.js";

it("the public values are these: a change needs a changeset", () => {
  expect(Object.keys(react).sort()).toMatchInlineSnapshot(`
    [
      "Security",
      "SegnoProvider",
      "Show",
      "SignIn",
      "StepUpDialog",
      "useAuth",
      "useSession",
      "useSignIn",
      "useStepUp",
      "useUser",
    ]
  `);
  expect(Object.keys(messages).sort()).toMatchInlineSnapshot(`
    [
      "englishMessages",
      "germanMessages",
    ]
  `);
  expect(Object.keys(testing).sort()).toMatchInlineSnapshot(`
    [
      "TestSegnoProvider",
      "testSession",
    ]
  `);
});

import { expect, it } from "vitest";
import * as client from "./index.js";

it("the public values are these: a change needs a changeset", () => {
  expect(Object.keys(client).sort()).toMatchInlineSnapshot(`
    [
      "createLocalStorage",
      "createMemoryStorage",
      "createSegnoClient",
      "failure",
      "localError",
      "parseStepUp",
      "sessionStateOf",
      "success",
    ]
  `);
});

import { expect, it } from "vitest";
import * as root from "./index.js";

it("exports a named list; a change here needs a changeset", () => {
  expect(Object.keys(root)).toEqual(["pkcs11Custody"]);
});

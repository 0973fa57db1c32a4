import { expect, it } from "vitest";
import * as entry from "./index.js";

it("the public names are frozen: a change here needs a changeset", () => {
  expect(Object.keys(entry).sort()).toEqual([
    "getAuth",
    "requireAccessToken",
    "requireAuth",
    "segnoMiddleware",
    "toExpress",
  ]);
});

import { expect, it } from "vitest";
import { ownOrigin, plainPaths, redirectCorpus } from "../../server/test/redirect-corpus.js";
import { safeReturnTo } from "./return-to.js";

it.each(redirectCorpus)("T-038: %j leads to a page of the application", (text) => {
  const path = safeReturnTo(text);
  expect(path).toMatch(/^\/(?![/\\])[\x21-\x7e]*$/);
  const landed = URL.parse(path, `${ownOrigin}/sign-in`);
  expect(landed?.origin).toBe(ownOrigin);
  if (path === "/") return;
  expect(landed?.pathname).toBe(URL.parse(text, ownOrigin)?.pathname);
});

it("T-038: follows plain paths without their fragment, and never leads back to the sign-in page", () => {
  for (const path of plainPaths) expect(safeReturnTo(path)).toBe(path.replace(/#.*/, ""));
  for (const odd of [undefined, null, 7, [], ["/a"], {}, "/sign-in", "/sign-in?returnTo=/a", "/x/../sign-in"]) {
    expect(safeReturnTo(odd)).toBe("/");
  }
});

import { expectTypeOf, test } from "vitest";
import { errorCodes, isSegnoError, SegnoError, type SegnoErrorCode } from "./errors.js";
import type { KeySetFetch } from "./tokens/fetch-text.js";

test("isSegnoError narrows unknown, and the code with it", () => {
  const caught: unknown = new SegnoError("invalid_grant");
  if (isSegnoError(caught, "invalid_grant")) expectTypeOf(caught.code).toEqualTypeOf<"invalid_grant">();
  if (isSegnoError(caught)) expectTypeOf(caught.code).toEqualTypeOf<SegnoErrorCode>();
  // @ts-expect-error not one of our codes
  isSegnoError(caught, "no_such_code");
});

test("the code union is closed and not any", () => {
  expectTypeOf<SegnoErrorCode>().not.toBeAny();
  expectTypeOf<string>().not.toExtend<SegnoErrorCode>();
  expectTypeOf(errorCodes).items.toEqualTypeOf<SegnoErrorCode>();
  // @ts-expect-error a code must exist
  return new SegnoError("nope");
});

test("the platform's fetch fits a key set", () => {
  expectTypeOf<typeof fetch>().toExtend<KeySetFetch>();
});

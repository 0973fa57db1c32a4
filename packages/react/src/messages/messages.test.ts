import { errorCodes, SegnoError } from "@segno/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { englishMessages, germanMessages } from "../messages.js";
import { fill } from "./messages.js";

const marks = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([mark]) => mark).sort();

it("German says all that English says, with the same places to fill", () => {
  expect(Object.keys(germanMessages).sort()).toEqual(Object.keys(englishMessages).sort());
  for (const [name, text] of Object.entries(englishMessages)) {
    if (typeof text !== "string") continue;
    expect(marks(String(germanMessages[name as "email"]))).toEqual(marks(text));
  }
});

it("German has a text for every code that a person can meet", () => {
  const machineOnly =
    /^(invalid_request|invalid_client|unauthorized_client|unsupported_|invalid_scope|invalid_target|invalid_dpop_proof|use_dpop_nonce|method_not_allowed|key_set_unavailable|status_list_unavailable)/;
  const met = new Set(
    errorCodes.map((code) => new SegnoError(code).info.wireCode).filter((code) => !machineOnly.test(code)),
  );
  expect([...met].filter((code) => !Object.hasOwn(germanMessages.errors, code))).toEqual([]);
});

it("T-071: filling places touches nothing but the places", () => {
  fc.assert(fc.property(fc.string(), (text) => fill(text, {}) === text));
  expect(fill("{__proto__} {constructor} {name}", { name: "{name}" })).toBe("{__proto__} {constructor} {name}");
});

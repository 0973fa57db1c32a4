import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextUserStatus, type UserStatus, type UserTransition } from "./user-status.js";

const verbs: readonly UserTransition[] = ["suspend", "resume", "delete"];

describe("the state machine of an account", () => {
  it("allows exactly these transitions", () => {
    const states: readonly UserStatus[] = ["active", "suspended", "deleted"];
    const table = states.flatMap((from) => verbs.map((verb) => `${from} ${verb} ${nextUserStatus(from, verb) ?? "-"}`));
    expect(table).toEqual([
      "active suspend suspended",
      "active resume -",
      "active delete deleted",
      "suspended suspend -",
      "suspended resume active",
      "suspended delete deleted",
      "deleted suspend -",
      "deleted resume -",
      "deleted delete -",
    ]);
  });
  it("never leaves deleted", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...verbs), { maxLength: 30 }), (walk) => {
        let state: UserStatus = "active";
        let isGone = false;
        for (const verb of walk) {
          state = nextUserStatus(state, verb) ?? state;
          isGone ||= state === "deleted";
          if (isGone) expect(state).toBe("deleted");
        }
      }),
    );
  });
});

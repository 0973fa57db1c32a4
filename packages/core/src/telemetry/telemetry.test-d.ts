import { expectTypeOf, test } from "vitest";
import type { SegnoEvent, SegnoEventData, SegnoEventMap, SegnoEventType } from "./events.js";
import type { TelemetryValue } from "./hook.js";
import { type Personal, personal, revealPersonal } from "./personal.js";

type Members<Type extends SegnoEventType> = NonNullable<SegnoEventMap[Type][keyof SegnoEventMap[Type]]>;
type AnyMember = { [Type in SegnoEventType]: Members<Type> }[SegnoEventType];

test("R040: no member of any event's data takes a personal value", () => {
  expectTypeOf<Extract<AnyMember, Personal<unknown>>>().toEqualTypeOf<never>();
  expectTypeOf<Personal<string>>().not.toExtend<AnyMember>();
  expectTypeOf<Personal<string>>().not.toExtend<TelemetryValue>();
  const email = personal("ada@example.com");
  // @ts-expect-error a personal value is no text
  const reason: SegnoEventData<"session.revoked"> = { reason: email };
  // @ts-expect-error and no attribute
  const attribute: TelemetryValue = email;
  return [reason, attribute];
});

test("every member of every event's data is a plain fact", () => {
  expectTypeOf<AnyMember>().toExtend<TelemetryValue>();
});

test("a personal value keeps its type and does not mix with others", () => {
  expectTypeOf(revealPersonal(personal(7))).toEqualTypeOf<number>();
  expectTypeOf<Personal<string>>().not.toExtend<Personal<number>>();
  expectTypeOf<string>().not.toExtend<Personal<string>>();
  expectTypeOf<Personal<string>>().not.toExtend<string>();
});

test("the type of an event narrows its data", () => {
  const read = (event: SegnoEvent): string => {
    if (event.type === "login.failure") {
      expectTypeOf(event.data).toEqualTypeOf<SegnoEventData<"login.failure">>();
      return event.data.reason;
    }
    // @ts-expect-error other events have no such member
    return event.data.reason;
  };
  return read;
});

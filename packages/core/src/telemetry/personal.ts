declare const personalType: unique symbol;

/**
 * A value about a person: address, name, IP. It cannot be put into telemetry: the type fits no event data, and it
 * shows itself as `[personal]` to JSON, string conversion, spreading and inspection. Only `revealPersonal` opens it.
 */
export interface Personal<T> {
  readonly [personalType]: T;
  /** Always `"[personal]"`. */
  toJSON(): "[personal]";
  /** Always `"[personal]"`. */
  toString(): "[personal]";
}

const values = /* @__PURE__ */ new WeakMap<object, unknown>();

const concealed: object = /* @__PURE__ */ Object.freeze({
  toJSON: () => "[personal]",
  toString: () => "[personal]",
  [Symbol.toPrimitive]: () => "[personal]",
  [Symbol.toStringTag]: "Personal",
  [Symbol.for("nodejs.util.inspect.custom")]: () => "[personal]",
});

/**
 * Marks a value as personal.
 * @example
 * const email = personal("ada@example.com");
 * JSON.stringify({ email }); // {"email":"[personal]"}
 */
export function personal<T>(value: T): Personal<T> {
  const wrapped = Object.freeze(Object.create(concealed) as Personal<T>);
  values.set(wrapped, value);
  return wrapped;
}

/**
 * The value itself. Every call is a place where personal data leaves its wrapping: keep them few.
 * @throws TypeError for what `personal` did not make
 * @example
 * revealPersonal(personal("ada@example.com")); // "ada@example.com"
 */
export function revealPersonal<T>(wrapped: Personal<T>): T {
  if (!isPersonal(wrapped)) throw new TypeError("This is no Personal value.");
  return values.get(wrapped) as T;
}

/** True for what `personal` made. */
export function isPersonal(value: unknown): value is Personal<unknown> {
  return typeof value === "object" && value !== null && values.has(value);
}

/**
 * Looks through anything for personal data and says where it is: for tests over everything that is emitted.
 * @param canaries texts that must not appear anywhere, such as the test user's address
 * @returns paths such as `data.email`, empty when clean
 * @example
 * findPersonal({ data: { note: "mail to ada@example.com" } }, ["ada@example.com"]); // ["data.note"]
 */
export function findPersonal(value: unknown, canaries: readonly string[] = []): readonly string[] {
  const found: string[] = [];
  const seen = new Set<object>();
  const wanted = canaries.map((canary) => canary.toLowerCase());
  const walk = (item: unknown, path: string): void => {
    if (typeof item === "string") {
      const text = item.toLowerCase();
      if (wanted.some((canary) => text.includes(canary))) found.push(path);
    }
    if (typeof item !== "object" || item === null || seen.has(item)) return;
    seen.add(item);
    if (isPersonal(item)) {
      found.push(path);
      return;
    }
    const entries = item instanceof Map ? item.entries() : Object.entries(item);
    for (const [name, member] of entries) {
      walk(name, `${path}${path === "" ? "" : "."}${String(name)}`);
      walk(member, `${path}${path === "" ? "" : "."}${String(name)}`);
    }
  };
  walk(value, "");
  return [...new Set(found)];
}

import type { RetentionClass } from "../../config.js";
import type { LeafRetention } from "./leaf.js";

/** How long an event of this type is kept: the first class that names it has it. */
export function retentionOf(classes: readonly RetentionClass[], type: string): LeafRetention {
  const found = classes.find(({ types }) => types.some((filter) => isOfType(filter, type)));
  if (found === undefined) return { class: "default" };
  return { class: found.name, ...(found.days === undefined ? {} : { days: found.days }) };
}

/** `*`, a family such as `token.*`, or the very type. */
export function isOfType(filter: string, type: string): boolean {
  if (filter === "*") return true;
  return filter.endsWith(".*") ? type.startsWith(filter.slice(0, -1)) : type === filter;
}

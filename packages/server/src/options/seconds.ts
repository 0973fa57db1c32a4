export const minute = 60;
export const day = 86_400;

/** Whether every length of time of a group of options is one. */
export function checkSeconds(
  group: string,
  values: object,
  faults: string[],
  zeroAllowed: readonly string[] = [],
): void {
  for (const [name, value] of Object.entries(values as Readonly<Record<string, unknown>>)) {
    if (!name.endsWith("Seconds")) continue;
    const isTime = typeof value === "number" && Number.isFinite(value);
    if (!(isTime && (value > 0 || (value === 0 && zeroAllowed.includes(name)))))
      faults.push(`${group}.${name}: must be a positive number of seconds`);
  }
}

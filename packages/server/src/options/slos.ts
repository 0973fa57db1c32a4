import { defaultSlos, type SloDefinition, sloFaults } from "../observability/index.js";

/** The objectives, or the defaults. */
export function readSlos(given: readonly SloDefinition[] | undefined, faults: string[]): readonly SloDefinition[] {
  if (given === undefined) return defaultSlos;
  faults.push(...sloFaults(given));
  return given;
}

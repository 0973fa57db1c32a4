import type { ResolvedOptions } from "./resolve-config.js";
import { configurationError } from "./resolve-config.js";
import { type MigrationStep, type SchemaAccess, type SchemaStatus, toSegnoError } from "./storage/index.js";
import { SegnoError } from "@segno/core";

/** The schema of the store, for whoever applies migrations apart from starting the engine. */
export interface SegnoSchema {
  /** Which database it is; holds no password. */
  readonly store: string;
  /**
   * What is applied, what is missing with its SQL, and what does not fit. Changes nothing.
   * @throws SegnoError `store_unavailable`
   */
  status(): Promise<SchemaStatus>;
  /**
   * Applies what is missing, all of it in one transaction. Several processes may do this at once: one works, the others
   * wait and find nothing to do.
   * @param options `onStep` is called before each statement
   * @returns the numbers of the migrations that this call applied
   * @throws SegnoError `store_unavailable` also when an applied migration was changed, or is newer than this version
   */
  apply(options?: { readonly onStep?: (step: MigrationStep) => void }): Promise<readonly number[]>;
}

export function schemaOf(resolved: ResolvedOptions): SegnoSchema {
  return {
    store: resolved.source.describe,
    status: () => withSchema(resolved, (schema) => schema.status()),
    apply: ({ onStep } = {}) =>
      withSchema(resolved, async (schema) => {
        const applied = new Set<number>();
        await schema.apply((step) => {
          applied.add(step.number);
          onStep?.(step);
        });
        return [...applied];
      }),
  };
}

/** Opens a connection for the schema alone, and closes it. */
export async function withSchema<Result>(
  { source, clock, faults }: Pick<ResolvedOptions, "source" | "clock" | "faults">,
  work: (schema: SchemaAccess) => Promise<Result>,
): Promise<Result> {
  if (faults.length > 0) throw configurationError(faults);
  try {
    const schema = await source.schema?.({ clock });
    if (schema === undefined) throw new SegnoError("store_unavailable", `${source.describe} does not show its schema.`);
    try {
      return await work(schema);
    } finally {
      await schema.close();
    }
  } catch (error) {
    throw toSegnoError(error);
  }
}

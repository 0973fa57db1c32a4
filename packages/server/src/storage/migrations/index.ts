import type { Migration } from "../migrate.js";
import { schemaMigration } from "./0001-schema.js";

/** In order, numbered from 1 without a gap. A released migration never changes: add the next one. */
export const migrations: readonly Migration[] = [schemaMigration];

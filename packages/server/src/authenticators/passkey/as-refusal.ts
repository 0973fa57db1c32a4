import { isSegnoError } from "@segno/core";
import type { Refusal } from "../../attempts/index.js";

/** A failed check as a verdict that commits, so that the challenge stays spent; any other fault goes on as it is. */
export async function asRefusal<Result extends object>(check: Promise<Result>): Promise<Result | Refusal> {
  try {
    return await check;
  } catch (error) {
    if (!isSegnoError(error, "passkey_rejected")) throw error;
    return { refused: error.code, reason: String(error.detail.reason ?? "") };
  }
}

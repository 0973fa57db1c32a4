import * as v from "valibot";
import { userSchema } from "../users/index.js";

/** Wire shapes that more than one way to sign in answers with. */
export const signedInSchema: v.GenericSchema = v.object({
  status: v.literal("signed_in"),
  isNewUser: v.boolean(),
  user: userSchema,
  session: v.object({
    id: v.string(),
    userId: v.string(),
    current: v.boolean(),
    createdAt: v.string(),
    lastSeenAt: v.string(),
    expiresAt: v.string(),
    acr: v.string(),
    amr: v.array(v.string()),
    authTime: v.string(),
    deviceName: v.string(),
  }),
  tokens: v.optional(
    v.object({
      accessToken: v.string(),
      tokenType: v.picklist(["Bearer", "DPoP"]),
      expiresInSeconds: v.number(),
      scope: v.string(),
      refreshToken: v.optional(v.string()),
      refreshExpiresInSeconds: v.optional(v.number()),
    }),
  ),
});

export const attemptIdSchema: v.GenericSchema<string, string> = v.pipe(v.string(), v.uuid());
export const modeSchema: v.GenericSchema<"cookie" | "token", "cookie" | "token"> = v.picklist(["cookie", "token"]);
/** What a person types; validated by `normalizeEmail`, the one parser of addresses. */
export const emailSchema: v.GenericSchema<string, string> = v.pipe(v.string(), v.minLength(3), v.maxLength(508));

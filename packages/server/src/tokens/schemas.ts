import * as v from "valibot";

/** The wire shape of `Tokens`. */
export const tokensSchema: v.GenericSchema = v.object({
  accessToken: v.string(),
  tokenType: v.picklist(["Bearer", "DPoP"]),
  expiresInSeconds: v.number(),
  scope: v.string(),
  refreshToken: v.optional(v.string()),
  refreshExpiresInSeconds: v.optional(v.number()),
});

/** RFC 6749 section 5.1; what the grant has none of is not there. */
export const tokenAnswerSchema: v.GenericSchema = v.object({
  access_token: v.string(),
  token_type: v.picklist(["Bearer", "DPoP"]),
  expires_in: v.number(),
  refresh_token: v.optional(v.string()),
  refresh_expires_in: v.optional(v.number()),
  issued_token_type: v.optional(v.string()),
  scope: v.string(),
});

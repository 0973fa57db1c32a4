import * as v from "valibot";

/** The wire shape of `SessionView`, for the OpenAPI document. */
export const sessionView: v.GenericSchema = v.object({
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
});

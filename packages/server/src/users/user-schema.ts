import * as v from "valibot";

/** The wire shape of `User`, for the OpenAPI document. */
export const userSchema: v.GenericSchema = v.object({
  id: v.string(),
  displayName: v.nullable(v.string()),
  email: v.nullable(v.string()),
  emailVerified: v.boolean(),
  status: v.picklist(["active", "suspended"]),
  createdAt: v.string(),
  missing: v.array(v.string()),
});

export { demandRecent, enrolledAssurance, requireRecent } from "./require-recent.js";
export { signedInSchema, userSchema } from "./schemas.js";

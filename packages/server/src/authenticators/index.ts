export { emailRoutes } from "./email/routes.js";
export { passkeyRoutes } from "./passkey/routes.js";
export { demandRecent, enrolledAssurance, requireRecent } from "./require-recent.js";

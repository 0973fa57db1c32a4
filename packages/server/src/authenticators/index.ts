export { demandRecent, enrolledAssurance, requireRecent } from "./require-recent.js";

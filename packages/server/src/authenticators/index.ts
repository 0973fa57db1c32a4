export { demandRecent } from "./require-recent.js";

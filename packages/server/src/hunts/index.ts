export type { Finding } from "./hunt.js";
export { type HuntQuery, huntStored } from "./hunt-stored.js";
export { hunts } from "./run-hunts.js";

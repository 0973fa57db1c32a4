export { englishMessages } from "./messages/english.js";
export { germanMessages } from "./messages/german.js";
export type { Messages } from "./messages/messages.js";

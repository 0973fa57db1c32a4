import { englishCore, englishSecurity } from "./english-parts.js";
import type { Messages } from "./messages.js";

/** The default. Error texts are the client's own. */
export const englishMessages: Messages = { ...englishCore, ...englishSecurity };

import { useSegno } from "../context.js";
import { englishSecurity } from "../messages/english-parts.js";
import type { Messages } from "../messages/messages.js";

/** All strings, with those that only the security page needs. */
export function useSecurityMessages(): Messages {
  return { ...englishSecurity, ...useSegno().messages };
}

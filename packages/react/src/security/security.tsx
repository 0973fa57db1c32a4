import type { ReactNode } from "react";
import { useSegno } from "../context.js";
import { useSession } from "../session/use-session.js";
import { PasskeySection } from "./passkey-section.js";
import { ProfileSection } from "./profile-section.js";
import { SessionSection } from "./session-section.js";
import { useSecurityMessages } from "./use-security-messages.js";

/**
 * The account's security page: missing details, passkeys, sessions. Shows nothing when nobody is signed in.
 * @example
 * const page = (
 *   <Show when="signed-in">
 *     <Security />
 *   </Show>
 * );
 */
export function Security(): ReactNode {
  const { dir } = useSegno();
  const messages = useSecurityMessages();
  const { user } = useSession();
  if (!user) return null;
  return (
    <section data-segno="security" dir={dir} aria-label={messages.securityTitle} key={user.id}>
      <h2 data-part="title">{messages.securityTitle}</h2>
      <ProfileSection user={user} />
      <PasskeySection />
      <SessionSection />
    </section>
  );
}

import type { PasskeyList, User } from "@segno/client";

/** The signal API (WebAuthn Level 3 section 5.1.10): keeps the browser's list of passkeys in step with ours. */
interface SignalApi {
  signalUnknownCredential?(options: { rpId: string; credentialId: string }): Promise<void>;
  signalAllAcceptedCredentials?(options: {
    rpId: string;
    userId: string;
    allAcceptedCredentialIds: string[];
  }): Promise<void>;
  signalCurrentUserDetails?(options: {
    rpId: string;
    userId: string;
    name: string;
    displayName: string;
  }): Promise<void>;
}

function signalApi(): SignalApi {
  return (globalThis.PublicKeyCredential as unknown as SignalApi | undefined) ?? {};
}

/** Tells the browser that a passkey is not known here any more, so that it stops offering it. */
export async function signalUnknownPasskey(rpId: string, credentialId: string): Promise<void> {
  await quietly(() => signalApi().signalUnknownCredential?.({ rpId, credentialId }));
}

/** Tells the browser which passkeys and which names are current. Does nothing where the browser has no signal API. */
export async function signalPasskeys(list: PasskeyList, user?: User | null): Promise<void> {
  const { rpId, userHandle: userId } = list;
  const allAcceptedCredentialIds = list.passkeys.map((passkey) => passkey.credentialId);
  await quietly(() => signalApi().signalAllAcceptedCredentials?.({ rpId, userId, allAcceptedCredentialIds }));
  const name = user?.email ?? user?.displayName;
  if (!name) return;
  const displayName = user?.displayName ?? name;
  await quietly(() => signalApi().signalCurrentUserDetails?.({ rpId, userId, name, displayName }));
}

/** A hint that fails is no failure. */
async function quietly(signal: () => Promise<void> | undefined): Promise<void> {
  try {
    await signal();
  } catch {
    // The browser refused the hint; the passkey list in it stays as it was.
  }
}

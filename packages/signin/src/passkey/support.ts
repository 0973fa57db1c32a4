/** What this browser can do, found out without any prompt. */
export interface PasskeySupport {
  /** Passkeys can be used at all, on this device or with a phone. */
  readonly canUse: boolean;
  /** Passkeys can be offered inside the email field (conditional UI). */
  readonly canAutofill: boolean;
}

/**
 * Asks the browser what it can do. Never prompts, never throws.
 * @example
 * const { canUse, canAutofill } = await detectPasskeySupport();
 */
export async function detectPasskeySupport(): Promise<PasskeySupport> {
  const api = globalThis.PublicKeyCredential;
  if (typeof api !== "function" || !globalThis.navigator?.credentials) return { canUse: false, canAutofill: false };
  const canAutofill = await Promise.resolve(api.isConditionalMediationAvailable?.()).catch(() => false);
  return { canUse: true, canAutofill: canAutofill === true };
}

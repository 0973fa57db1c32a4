import type { JsonObject } from "@segno/client";
import { startAuthentication, startRegistration, WebAuthnAbortService } from "@simplewebauthn/browser";
import { detectPasskeySupport, type PasskeySupport } from "./support.js";

type CreationOptions = Parameters<typeof startRegistration>[0]["optionsJSON"];
type RequestOptions = Parameters<typeof startAuthentication>[0]["optionsJSON"];

/** The browser's side of a ceremony. Tests and native apps bring their own. */
export interface PasskeyBrowser {
  /** What this browser can do; never prompts. */
  support(): Promise<PasskeySupport>;
  /** Makes a passkey: `navigator.credentials.create()` in its JSON form. Rejects with what the browser threw. */
  create(publicKey: JsonObject): Promise<JsonObject>;
  /**
   * Uses a passkey: `navigator.credentials.get()` in its JSON form. Rejects with what the browser threw.
   * @param isConditional offer passkeys inside the email field, without a prompt; waits until one is picked or `cancel` is called
   */
  get(publicKey: JsonObject, isConditional: boolean): Promise<JsonObject>;
  /** Ends the ceremony that is running, if any. */
  cancel(): void;
}

/** The real browser. A new ceremony ends the one before it: a page can only have one. */
export const passkeyBrowser: PasskeyBrowser = {
  support: detectPasskeySupport,
  create: async (publicKey) => ({
    ...(await startRegistration({ optionsJSON: publicKey as unknown as CreationOptions })),
  }),
  get: async (publicKey, isConditional) => ({
    ...(await startAuthentication({
      optionsJSON: publicKey as unknown as RequestOptions,
      useBrowserAutofill: isConditional,
      // The input may be mounted by a framework a moment later; the browser looks for it when it is focused.
      verifyBrowserAutofillInput: false,
    })),
  }),
  cancel: () => WebAuthnAbortService.cancelCeremony(),
};

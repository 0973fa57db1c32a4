import type { ResolvedConfig, SignInOptions } from "../config.js";
import { readOrigins } from "./site.js";

export function readSignIn(options: SignInOptions, base: URL, faults: string[]): ResolvedConfig["signIn"] {
  const wish = options.passkey ?? true;
  const given = typeof wish === "object" ? wish : {};
  const rpId = given.rpId ?? base.hostname;
  if (base.hostname !== rpId && !base.hostname.endsWith(`.${rpId}`)) {
    faults.push("signIn.passkey.rpId: must be the host name of baseUrl or a parent domain of it");
  }
  const further = given.origins ?? [];
  // an Android app's origin is the hash of its signing key
  readOrigins(
    "signIn.passkey.origins",
    further.filter((text) => !/^android:apk-key-hash:[A-Za-z0-9_-]{43}$/.test(text)),
    faults,
  );
  const origins = [...new Set([base.origin, ...further])];
  const passkey = wish === false ? undefined : { rpId, rpName: given.rpName ?? base.hostname, origins };
  const emailLink = options.emailLink ?? true;
  const emailCode = options.emailCode ?? true;
  if (passkey === undefined && !emailLink && !emailCode) faults.push("signIn: every way to sign in is switched off");
  return { passkey, emailLink, emailCode, signUp: options.signUp ?? true };
}

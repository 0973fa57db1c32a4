import type { PasskeyView, Result, SegnoClient } from "@segno/client";
import { type PasskeyBrowser, passkeyBrowser } from "./browser-port.js";
import { runCeremony } from "./ceremony.js";
import { signalPasskeys, signalUnknownPasskey } from "./signals.js";

/**
 * Adds a passkey to the account that is signed in. Must run inside a click.
 * Errors: `passkey_exists`, `passkey_cancelled`, `passkey_unsupported`, `insufficient_user_authentication` (step up first).
 * @example
 * const { data, error } = await addPasskey(client, { name: "My laptop" });
 */
export async function addPasskey(
  client: SegnoClient,
  options: { readonly name?: string; readonly browser?: PasskeyBrowser } = {},
): Promise<Result<PasskeyView>> {
  const { name, browser = passkeyBrowser } = options;
  return await runCeremony({
    options: client.passkeys.addOptions,
    prompt: browser.create,
    verify: (answer) => client.passkeys.addVerify({ ...answer, ...(name === undefined ? {} : { name }) }),
  });
}

/**
 * Removes a passkey here and, where the browser can be told, from its list. Errors: `last_factor`, `insufficient_user_authentication`.
 * @param rpId as `listPasskeys` told it
 * @example
 * const { data } = await listPasskeys(client);
 * const [oldest] = data?.passkeys ?? [];
 * if (data && oldest) await removePasskey(client, oldest, data.rpId);
 */
export async function removePasskey(client: SegnoClient, passkey: PasskeyView, rpId: string): Promise<Result<void>> {
  const result = await client.passkeys.remove(passkey.id);
  if (result.error === null) await signalUnknownPasskey(rpId, passkey.credentialId);
  return result;
}

/**
 * Reads the account's passkeys and tells the browser which ones are current.
 * Errors: `unauthenticated`.
 * @example
 * const { data, error } = await listPasskeys(client);
 */
export async function listPasskeys(client: SegnoClient): ReturnType<SegnoClient["passkeys"]["list"]> {
  const result = await client.passkeys.list();
  if (result.error === null) await signalPasskeys(result.data, client.session.get().user);
  return result;
}

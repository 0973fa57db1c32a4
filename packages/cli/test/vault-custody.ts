import type { KeyCustody } from "@segno/server";

/** Keys wrapped by a transit engine. */
export function vaultCustody(address: string, token: string): KeyCustody {
  const call = async (path: string, body: object, signal: AbortSignal): Promise<Record<string, string>> => {
    const answer = await fetch(`${address}/v1/transit/${path}/segno`, {
      method: "POST",
      headers: { "x-vault-token": token },
      body: JSON.stringify(body),
      signal,
    });
    if (!answer.ok) throw new Error(`vault answered ${answer.status}`);
    return ((await answer.json()) as { readonly data: Record<string, string> }).data;
  };
  const bound = (context: { readonly purpose: string; readonly kid: string }) =>
    Buffer.from(`${context.purpose}/${context.kid}`).toString("base64");
  return {
    mode: "wrapped",
    name: "vault",
    async wrap(plain, context, signal) {
      const body = { plaintext: Buffer.from(plain).toString("base64"), associated_data: bound(context) };
      return (await call("encrypt", body, signal))["ciphertext"] ?? "";
    },
    async unwrap(wrapped, context, signal) {
      const body = { ciphertext: wrapped, associated_data: bound(context) };
      return Buffer.from((await call("decrypt", body, signal))["plaintext"] ?? "", "base64");
    },
    async check(signal) {
      await call("encrypt", { plaintext: "", associated_data: "" }, signal);
    },
  };
}

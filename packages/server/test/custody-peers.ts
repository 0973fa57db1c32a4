import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

/** The real Vault that `scripts/custody.mjs` started; undefined when there is none. */
export const realVault = parsed<{ address: string; rootToken: string; unsealKey: string }>("SEGNO_TEST_VAULT");
/** The address of moto's KMS. */
export const realKmsUrl: string | undefined = process.env["SEGNO_TEST_AWS_KMS_URL"];

/** Why a test against a real server does not run. */
export const skippedPeer = "skipped: started by `node scripts/custody.mjs` only";

function parsed<Peer>(name: string): Peer | undefined {
  const text = process.env[name];
  return text === undefined ? undefined : (JSON.parse(text) as Peer);
}

/** What an operator does with the root token. */
export async function asVaultRoot(
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: object,
): Promise<Record<string, never>> {
  if (realVault === undefined) throw new Error("There is no Vault.");
  const response = await fetch(`${realVault.address}/v1/${path}`, {
    method,
    headers: { "X-Vault-Token": realVault.rootToken },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

/** The policy that `docs/concepts/key-custody.md` tells to write, for another mount. */
function documentedPolicy(name: string, mount: string): string {
  const page = readFileSync(new URL("../../../docs/concepts/key-custody.md", import.meta.url), "utf8");
  const policy = new RegExp(`vault policy write ${name} - <<'HCL'\\n([^]*?)HCL\\n`).exec(page)?.[1];
  if (policy === undefined) throw new Error(`The page about custody has no policy ${name}.`);
  return policy.replaceAll('"transit/', `"${mount}/`);
}

/** A transit engine of its own with the key and a policy for each mode. */
export async function prepareVault(): Promise<{ mount: string; wrapped: string; remote: string }> {
  const mount = `transit-${randomUUID().slice(0, 8)}`;
  await asVaultRoot("POST", `sys/mounts/${mount}`, { type: "transit" });
  await asVaultRoot("POST", `${mount}/keys/segno`, { type: "aes256-gcm96" });
  const [wrapped, remote] = [`${mount}-wrapped`, `${mount}-remote`];
  await asVaultRoot("POST", `sys/policies/acl/${wrapped}`, { policy: documentedPolicy("segno-wrapped", mount) });
  await asVaultRoot("POST", `sys/policies/acl/${remote}`, { policy: documentedPolicy("segno-remote", mount) });
  return { mount, wrapped, remote };
}

/** A token with these policies. */
export async function vaultToken(policy: string, options: object = {}): Promise<string> {
  const answer = (await asVaultRoot("POST", "auth/token/create", { policies: [policy], ttl: "1h", ...options })) as {
    auth?: { client_token: string };
  };
  return answer.auth?.client_token ?? "";
}

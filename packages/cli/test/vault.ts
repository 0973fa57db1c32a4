// What a runbook needs of Vault or OpenBao where no real one is at hand: the transit engine's encrypt and decrypt, and a
// seal that can be broken. It really encrypts, under a key that only it has.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface TestVault {
  readonly address: string;
  readonly token: string;
  readonly unsealKey: string;
  seal(): Promise<void>;
  readonly close: () => Promise<void>;
}

type Body = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly body: Body;
}

/** The real one that `scripts/custody.mjs` started, else the double. */
export async function startVault(): Promise<TestVault> {
  const real = process.env["SEGNO_TEST_VAULT"];
  return real === undefined ? await startDouble() : await prepare(JSON.parse(real) as RealVault);
}

interface RealVault {
  readonly address: string;
  readonly rootToken: string;
  readonly unsealKey: string;
}

async function prepare({ address, rootToken, unsealKey }: RealVault): Promise<TestVault> {
  const ask = async (method: string, path: string, body?: object) => {
    const init = { method, headers: { "x-vault-token": rootToken } };
    const answer = await fetch(
      `${address}/v1/${path}`,
      body === undefined ? init : { ...init, body: JSON.stringify(body) },
    );
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  };
  await ask("POST", "sys/mounts/transit", { type: "transit" });
  await ask("POST", "transit/keys/segno", {});
  return {
    address,
    token: rootToken,
    unsealKey,
    seal: () => ask("PUT", "sys/seal"),
    async close() {
      await ask("PUT", "sys/unseal", { key: unsealKey });
      await ask("DELETE", "sys/mounts/transit");
    },
  };
}

async function startDouble(): Promise<TestVault> {
  const key = randomBytes(32);
  const token = `hvs.${randomBytes(12).toString("hex")}`;
  const unsealKey = randomBytes(32).toString("hex");
  let isSealed = false;

  const answerTo = (path: string, body: Body, given: string | undefined): Answer => {
    if (path === "/v1/sys/unseal" && body["key"] === unsealKey) isSealed = false;
    if (path === "/v1/sys/unseal" || path === "/v1/sys/seal-status") return { status: 200, body: { sealed: isSealed } };
    if (isSealed) return { status: 503, body: { errors: ["Vault is sealed"] } };
    if (given !== token) return { status: 403, body: { errors: ["permission denied"] } };
    if (path === "/v1/auth/token/lookup-self")
      return { status: 200, body: { data: { ttl: 0, renewable: false, policies: ["segno"] } } };
    const text = (name: string) => Buffer.from(String(body[name] ?? ""), "base64");
    if (path === "/v1/transit/encrypt/segno") {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(text("associated_data"));
      const sealed = Buffer.concat([nonce, cipher.update(text("plaintext")), cipher.final(), cipher.getAuthTag()]);
      return { status: 200, body: { data: { ciphertext: `vault:v1:${sealed.toString("base64")}` } } };
    }
    if (path === "/v1/transit/decrypt/segno") {
      const sealed = Buffer.from(String(body["ciphertext"]).split(":")[2] ?? "", "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12));
      decipher.setAAD(text("associated_data")).setAuthTag(sealed.subarray(-16));
      try {
        const plain = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
        return { status: 200, body: { data: { plaintext: plain.toString("base64") } } };
      } catch {
        return { status: 400, body: { errors: ["invalid ciphertext: unable to decrypt"] } };
      }
    }
    return { status: 404, body: { errors: [] } };
  };

  const server = createServer(async (incoming, outgoing) => {
    const given = incoming.headers["x-vault-token"];
    const { status, body } = answerTo(incoming.url ?? "", await bodyOf(incoming), given?.toString());
    outgoing.writeHead(status, { "content-type": "application/json" });
    outgoing.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    unsealKey,
    seal: async () => void (isSealed = true),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === "" ? {} : (JSON.parse(text) as Body);
}

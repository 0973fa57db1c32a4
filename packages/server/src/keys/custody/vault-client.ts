import { isSegnoError } from "@segno/core";
import { systemRandom } from "../../runtime.js";
import { createVaultLease } from "./vault-lease.js";
import { type VaultRequest, requestVault } from "./vault-request.js";
import type { VaultSettings } from "./vault-options.js";

/** Requests with a token that is kept alive. */
export interface VaultClient {
  /** @throws SegnoError `key_unavailable`; `detail.status` holds the HTTP status when there was an answer */
  call(request: Omit<VaultRequest, "token">, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

export function createVaultClient(settings: VaultSettings): VaultClient {
  const lease = createVaultLease({ settings, jitter: () => (systemRandom.bytes(1)[0] ?? 0) / 256 });
  return {
    async call(request, signal) {
      const token = await lease.token(signal);
      try {
        return await requestVault(settings, { ...request, token }, signal);
      } catch (error) {
        // Somebody revoked our token, or it ended early: once more with another one.
        if (!isRefusedToken(error) || !lease.forget(token)) throw error;
        return await requestVault(settings, { ...request, token: await lease.token(signal) }, signal);
      }
    },
    close: () => lease.close(),
  };
}

function isRefusedToken(error: unknown): boolean {
  return isSegnoError(error) && error.detail["status"] === 403;
}

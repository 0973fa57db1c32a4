import { isObject } from "../parse-error.js";
import type { TokenStorage } from "../ports.js";

/** Token mode: the refresh token and whom it belongs to. */
export interface Grant {
  readonly refreshToken: string;
  /** See `holderOf`. */
  readonly holder: string;
}

export interface GrantStore {
  read(): Promise<Grant | null>;
  write(grant: Grant): Promise<void>;
  clear(): Promise<void>;
}

/** Keeps the grant under one key; what cannot be read counts as absent. */
export function createGrantStore(storage: TokenStorage, key: string): GrantStore {
  return {
    read: async () => {
      try {
        const value: unknown = JSON.parse((await storage.get(key)) ?? "null");
        if (!isObject(value)) return null;
        const { refreshToken, holder } = value;
        return typeof refreshToken === "string" && typeof holder === "string" ? { refreshToken, holder } : null;
      } catch {
        return null;
      }
    },
    write: async (grant) => storage.set(key, JSON.stringify(grant)),
    clear: async () => storage.remove(key),
  };
}

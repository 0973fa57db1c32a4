import { createHash } from "node:crypto";

/** What Segno needs of an `ioredis` instance, alone or a cluster. */
export interface IoRedisClient {
  /** Runs a script the server knows. */
  evalsha(sha1: string, keyCount: number, ...keyAndArguments: string[]): Promise<unknown>;
  /** Runs a script and makes it known. */
  eval(script: string, keyCount: number, ...keyAndArguments: string[]): Promise<unknown>;
  /** Hears when the connection breaks. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** `ready` when it is connected. */
  readonly status?: string;
}
/** What Segno needs of a client made by the package `redis`, alone or a cluster. */
export interface NodeRedisClient {
  /** Runs a script the server knows. */
  evalSha(sha1: string, options: ScriptInput): Promise<unknown>;
  /** Runs a script and makes it known. */
  eval(script: string, options: ScriptInput): Promise<unknown>;
  /** Hears when the connection breaks. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Whether it is connected. */
  readonly isReady?: boolean;
}
/** The one key and the arguments of a script. */
export interface ScriptInput {
  readonly keys: string[];
  readonly arguments: string[];
}
/** A script and its digest. */
export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

export function redisScript(text: string): RedisScript {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}

/** By digest; a server that was restarted or flushed has to be told the script once more. */
export async function runScript(
  client: IoRedisClient | NodeRedisClient,
  { text, sha1 }: RedisScript,
  key: string,
  rest: readonly (string | number)[],
): Promise<unknown> {
  const values = rest.map(String);
  const call = (isKnown: boolean) => {
    if ("evalSha" in client) {
      const input: ScriptInput = { keys: [key], arguments: values };
      return isKnown ? client.evalSha(sha1, input) : client.eval(text, input);
    }
    return isKnown ? client.evalsha(sha1, 1, key, ...values) : client.eval(text, 1, key, ...values);
  };
  try {
    return await call(true);
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("NOSCRIPT"))) throw error;
    return await call(false);
  }
}

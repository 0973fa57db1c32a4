/** The part of fetch a key set uses. The platform's `fetch` fits. */
export type KeySetFetch = (
  url: string,
  init: { readonly headers: Record<string, string>; readonly redirect: "manual"; readonly signal: AbortSignal },
) => Promise<KeySetResponse>;

/** The part of a response a key set reads. */
export interface KeySetResponse {
  readonly status: number;
  readonly headers: {
    /** The value of a header, or null. */
    get(name: string): string | null;
  };
  readonly body: {
    /** Reads the body piece by piece. */
    getReader(): {
      /** The next piece; `done` after the last one. */
      read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
      /** Ends the reading of an answer that is too large. */
      cancel(): Promise<void>;
    };
  } | null;
}

interface FetchJwkSetInput {
  readonly url: string;
  readonly etag: string | null;
  readonly fetch: KeySetFetch | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

type FetchedJwkSet =
  | { readonly status: "unchanged" }
  | { readonly status: "changed"; readonly jwks: unknown; readonly etag: string | null };

/**
 * Gets a JWK Set: no redirects, a time limit over request and body, a size limit while reading.
 * Not checked: what the JSON means; see `validateJwkSet`.
 * @throws TypeError, or whatever fetch throws
 */
export async function fetchJwkSet(input: FetchJwkSetInput): Promise<FetchedJwkSet> {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      abort.abort();
      reject(new TypeError("The key set did not answer in time."));
    }, input.timeoutMs);
  });
  try {
    return await Promise.race([read(input, abort.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function read(input: FetchJwkSetInput, signal: AbortSignal): Promise<FetchedJwkSet> {
  const headers: Record<string, string> = { accept: "application/jwk-set+json, application/json" };
  if (input.etag !== null) headers["if-none-match"] = input.etag;
  const request: KeySetFetch = input.fetch ?? ((url, init) => fetch(url, init));
  const response = await request(input.url, { headers, redirect: "manual", signal });
  if (response.status === 304 && input.etag !== null) return { status: "unchanged" };
  if (response.status !== 200) throw new TypeError(`The key set answered with status ${response.status}.`);
  const text = await readText(response, input.maxBytes);
  return { status: "changed", jwks: JSON.parse(text) as unknown, etag: response.headers.get("etag") };
}

async function readText(response: KeySetResponse, maxBytes: number): Promise<string> {
  if (response.body === null) throw new TypeError("The key set's answer is empty.");
  const reader = response.body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) return text + decoder.decode();
    total += value.byteLength;
    if (total > maxBytes) {
      await reader.cancel();
      throw new TypeError("The key set's answer is too large.");
    }
    text += decoder.decode(value, { stream: true });
  }
}

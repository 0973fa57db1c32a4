/** The part of fetch that key sets, status lists and introspection use. The platform's `fetch` fits. */
export type KeySetFetch = (
  url: string,
  init: {
    readonly headers: Record<string, string>;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
    /** Absent: GET. */
    readonly method?: "POST";
    readonly body?: string;
  },
) => Promise<KeySetResponse>;

/** The part of a response that key sets, status lists and introspection read. */
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

interface FetchTextInput {
  /** What is fetched, for messages: `key set`. */
  readonly what: string;
  readonly accept: string;
  readonly url: string;
  readonly etag: string | null;
  /** Send this form instead of getting the text. */
  readonly post?: { readonly body: string; readonly authorization: string };
  readonly fetch: KeySetFetch | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Goes into the header `Segno-Verifier`. */
  readonly verifierName?: string | undefined;
}

export type FetchedText =
  | { readonly status: "unchanged" }
  | { readonly status: "changed"; readonly text: string; readonly etag: string | null };

/**
 * Gets a text: no redirects, a time limit over request and body, a size limit while reading.
 * Not checked: what the text means.
 * @throws TypeError, or whatever fetch throws
 */
export async function fetchText(input: FetchTextInput): Promise<FetchedText> {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      abort.abort();
      reject(new TypeError(`The ${input.what} did not answer in time.`));
    }, input.timeoutMs);
  });
  try {
    return await Promise.race([read(input, abort.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function read(input: FetchTextInput, signal: AbortSignal): Promise<FetchedText> {
  const headers: Record<string, string> = { accept: input.accept };
  if (input.etag !== null) headers["if-none-match"] = input.etag;
  if (input.verifierName !== undefined) headers["segno-verifier"] = input.verifierName;
  const request: KeySetFetch = input.fetch ?? ((url, init) => fetch(url, init));
  const common = { headers, redirect: "manual", signal } as const;
  if (input.post !== undefined) {
    headers["content-type"] = "application/x-www-form-urlencoded";
    headers["authorization"] = input.post.authorization;
  }
  const response = await request(
    input.url,
    input.post === undefined ? common : { ...common, method: "POST", body: input.post.body },
  );
  if (response.status === 304 && input.etag !== null) return { status: "unchanged" };
  if (response.status !== 200) throw new TypeError(`The ${input.what} answered with status ${response.status}.`);
  return { status: "changed", text: await readText(response, input), etag: response.headers.get("etag") };
}

async function readText(response: KeySetResponse, { what, maxBytes }: FetchTextInput): Promise<string> {
  if (response.body === null) throw new TypeError(`The ${what}'s answer is empty.`);
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
      throw new TypeError(`The ${what}'s answer is too large.`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

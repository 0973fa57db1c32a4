import { version } from "../version.js";

/** By this the service knows a probe: its events have the device class `probe`. */
const userAgent = `segno-probe/${version()}`;

/** Says what did not work, in words that hold no secret. */
export class ProbeFault extends Error {}

export interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

/** The service as a browser sees it: one origin, cookies, no redirects. */
export interface Site {
  readonly origin: string;
  get(path: string): Promise<Answer>;
  /** @throws ProbeFault unless the service answers 2xx */
  post(path: string, body: object): Promise<Answer>;
  /** For what asks by itself, with the same patience. */
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
}

/** @param timeoutMs how long one answer may take */
export function openSite(origin: string, timeoutMs: number): Site {
  const cookies = new Map<string, string>();
  const send = async (url: URL, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    headers.set("user-agent", userAgent);
    try {
      return await fetch(url, { ...init, headers, redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      throw new ProbeFault(noAnswer(error, timeoutMs));
    }
  };
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...init.headers, origin, ...(cookie === "" ? {} : { cookie }) };
    const response = await send(new URL(path, origin), { ...init, headers });
    keepCookies(cookies, response);
    return await answerOf(response, timeoutMs);
  };
  return {
    origin,
    get: (path) => ask(path, {}),
    post: (path, body) =>
      ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    fetch: (url, init = {}) => send(new URL(url), init),
  };
}

function keepCookies(cookies: Map<string, string>, response: Response): void {
  for (const line of response.headers.getSetCookie()) {
    const [pair = "", ...attributes] = line.split(";");
    const split = pair.indexOf("=");
    const isOver = attributes.some((attribute) => /^\s*max-age=0$/i.test(attribute));
    if (isOver) cookies.delete(pair.slice(0, split));
    else cookies.set(pair.slice(0, split), pair.slice(split + 1));
  }
}

async function answerOf(response: Response, timeoutMs: number): Promise<Answer> {
  const { status } = response;
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    throw new ProbeFault(noAnswer(error, timeoutMs));
  }
  const json = parse(text);
  if (status >= 200 && status < 300 && json !== undefined) return { status, json };
  if (json === undefined && status < 300) throw new ProbeFault(`answers ${status} with what is no JSON`);
  const code = json?.["code"];
  throw new ProbeFault(
    typeof code === "string" && /^[a-z_]{1,60}$/.test(code) ? `answers ${status} ${code}` : `answers ${status}`,
  );
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function noAnswer(error: unknown, timeoutMs: number): string {
  const { cause, name } = error as { readonly cause?: { readonly code?: unknown }; readonly name?: string };
  if (name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  return typeof cause?.code === "string" ? `no answer: ${cause.code}` : "no answer: the connection failed";
}

import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { SegnoError } from "@segno/core";
import { createAddressPolicy, isAllowedText } from "./address-policy.js";
import { type IpRange, parseIpRange } from "./ip-address.js";

/** How requests leave this process. */
export interface EgressOptions {
  /** Addresses and ranges that may be reached although they are private, for example `["10.0.4.0/24"]`. Default: none. */
  readonly allowAddresses?: readonly string[] | undefined;
  /** Takes `http://localhost`, for development. Default false. */
  readonly allowHttpOnLocalhost?: boolean | undefined;
  /** Certificate authorities as PEM, instead of the well-known ones. */
  readonly ca?: string | readonly string[] | undefined;
  /** How long one request may take, to the end of the answer, in milliseconds. Default 15000. */
  readonly timeoutMs?: number | undefined;
  /** How many connections to one host at most. Default 10. */
  readonly maxConnections?: number | undefined;
  /** Asks for the addresses of a name. Default: the operating system. */
  readonly lookup?: ((name: string) => Promise<readonly LookupAddress[]>) | undefined;
}

/** One request. */
export interface EgressRequest {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** How much of the answer's body is read; a longer one is a fault. Default 0: only status and headers count. */
  readonly maxAnswerBytes?: number;
  readonly signal?: AbortSignal;
}

/** What came back. Redirects are answers like others. */
export interface EgressAnswer {
  readonly status: number;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The one way out for requests to addresses that somebody else may have a say in. */
export interface Egress {
  /** Why this address is never asked, or undefined. Names are resolved with each connection, and checked again there. */
  readonly refusalOf: (url: URL) => string | undefined;
  /**
   * @throws SegnoError `network` or `timeout`; `detail.reason` says what happened: `address_refused`, `answer_too_large`,
   * `aborted`, or the code of the fault (`ECONNREFUSED`, `CERT_HAS_EXPIRED`). Nothing of the answer stands in it.
   */
  readonly send: (request: EgressRequest) => Promise<EgressAnswer>;
  /** Ends all connections. */
  readonly close: () => void;
}

/** As much as is read of an answer that nobody wants, to use its connection again. */
const drainBytes = 16_384;
const drainMs = 1_000;

/**
 * Requests that cannot be talked into reaching what is private (SSRF). `https` with verified certificates only; each
 * connection resolves the name once and goes to an address that was checked; no redirect is followed, no proxy of the
 * environment asked.
 * @throws TypeError for ranges that are none
 */
export function createEgress(options: EgressOptions = {}): Egress {
  const settings = resolveSettings(options);
  const connections = { keepAlive: true, maxSockets: options.maxConnections ?? 10, scheduling: "lifo" as const };
  const secure = new HttpsAgent({ ...connections });
  const plain = new HttpAgent(connections);
  return {
    refusalOf: (url) => refusalOf(url, settings),
    async send(request) {
      const refusal = refusalOf(request.url, settings);
      if (refusal !== undefined) throw networkFault("address_refused");
      const agent = request.url.protocol === "https:" ? secure : plain;
      const within = AbortSignal.timeout(settings.timeoutMs);
      const signal = request.signal === undefined ? within : AbortSignal.any([within, request.signal]);
      try {
        signal.throwIfAborted();
        return await sendOnce(request, { agent, settings, signal });
      } catch (caught) {
        if (within.aborted) throw new SegnoError("timeout", "The receiver did not answer in time.");
        if (request.signal?.aborted === true) throw networkFault("aborted");
        throw caught instanceof SegnoError ? caught : networkFault(kindOf(caught));
      }
    },
    close() {
      secure.destroy();
      plain.destroy();
    },
  };
}

interface Settings {
  readonly isAllowed: (address: string, isLocalhost: boolean) => boolean;
  readonly allowHttpOnLocalhost: boolean;
  readonly ca: string[] | undefined;
  readonly timeoutMs: number;
  readonly lookup: (name: string) => Promise<readonly LookupAddress[]>;
}

function resolveSettings(options: EgressOptions): Settings {
  const policy = createAddressPolicy((options.allowAddresses ?? []).map(requireRange));
  const localPolicy = createAddressPolicy(["127.0.0.0/8", "::1"].map(requireRange));
  return {
    isAllowed: (address, isLocalhost) =>
      isAllowedText(policy, address) || (isLocalhost && isAllowedText(localPolicy, address)),
    allowHttpOnLocalhost: options.allowHttpOnLocalhost ?? false,
    ca: options.ca === undefined ? undefined : [options.ca].flat(),
    timeoutMs: options.timeoutMs ?? 15_000,
    lookup: options.lookup ?? resolveName,
  };
}

function requireRange(text: string): IpRange {
  const range = parseIpRange(text);
  if (range === undefined) throw new TypeError(`"${text}" is neither an address nor a range such as 10.0.4.0/24.`);
  return range;
}

async function resolveName(name: string): Promise<readonly LookupAddress[]> {
  return await new Promise((resolve, reject) => {
    systemLookup(name, { all: true, order: "verbatim" }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });
}

const localNames: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

function refusalOf(url: URL, settings: Settings): string | undefined {
  const isLocalhost = isLocalHttp(url, settings);
  if (url.protocol !== "https:" && !isLocalhost) return "it must be https";
  if (url.username !== "" || url.password !== "") return "it must hold no user and no password";
  if (url.hash !== "") return "it must hold no fragment";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (host === "") return "it must name a host";
  const isAddress = isIP(host) !== 0 || url.hostname.startsWith("[");
  if (isAddress && !settings.isAllowed(host, isLocalhost)) return "its address is not public, and not listed";
  return undefined;
}

function isLocalHttp(url: URL, settings: Settings): boolean {
  return settings.allowHttpOnLocalhost && url.protocol === "http:" && localNames.includes(url.hostname);
}

interface Way {
  readonly agent: HttpAgent | HttpsAgent;
  readonly settings: Settings;
  readonly signal: AbortSignal;
}

/** A connection that was kept may have been closed by the other side just now: then once more, on a new one. */
async function sendOnce(request: EgressRequest, way: Way): Promise<EgressAnswer> {
  try {
    return await exchange(request, way);
  } catch (caught) {
    if (!(caught instanceof ClosedMeanwhile)) throw caught;
    return await exchange(request, way);
  }
}

class ClosedMeanwhile extends Error {}

async function exchange(request: EgressRequest, { agent, settings, signal }: Way): Promise<EgressAnswer> {
  const { url } = request;
  const isLocalhost = isLocalHttp(url, settings);
  const body = typeof request.body === "string" ? Buffer.from(request.body) : request.body;
  const options: RequestOptions & { rejectUnauthorized: true; minVersion: "TLSv1.2"; ca?: string[] } = {
    method: request.method,
    agent,
    signal,
    lookup: checkedLookup(settings, isLocalhost),
    headers: { ...request.headers, ...(body === undefined ? {} : { "content-length": `${body.length}` }) },
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ...(settings.ca === undefined ? {} : { ca: settings.ca }),
  };
  return await new Promise((resolve, reject) => {
    const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, options);
    outgoing.on("error", (error) => {
      const isStale = outgoing.reusedSocket && kindOf(error) === "ECONNRESET" && !signal.aborted;
      reject(isStale ? new ClosedMeanwhile() : error);
    });
    outgoing.on("response", (response) => {
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(response.headers)) headers[name] = [value].flat().join(", ");
      const answer = { status: response.statusCode ?? 0, headers };
      const maxBytes = request.maxAnswerBytes ?? 0;
      if (maxBytes === 0) {
        drain(response);
        resolve({ ...answer, body: new Uint8Array() });
        return;
      }
      readAnswer(response, maxBytes).then((read) => resolve({ ...answer, body: read }), reject);
    });
    outgoing.end(body);
  });
}

/** Every address of a name must be allowed: who mixes public and private ones has a reason. */
function checkedLookup(settings: Settings, isLocalhost: boolean): LookupFunction {
  return (name, options, callback) => {
    settings.lookup(name).then(
      (addresses) => {
        const first = addresses[0];
        const isFine = addresses.every(({ address }) => settings.isAllowed(address, isLocalhost));
        if (first === undefined) callback(networkFault("ENOTFOUND"), "", 0);
        else if (!isFine) callback(networkFault("address_refused"), "", 0);
        else if (options.all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(networkFault(kindOf(error)), "", 0),
    );
  };
}

async function readAnswer(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw networkFault("answer_too_large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The status has decided: what follows is let go, and with it the connection when that takes long. */
function drain(response: IncomingMessage): void {
  let bytes = 0;
  const timer = setTimeout(() => response.destroy(), drainMs);
  response.on("data", (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > drainBytes) response.destroy();
  });
  response.on("error", () => undefined);
  response.on("close", () => clearTimeout(timer));
}

function networkFault(reason: string): SegnoError {
  return new SegnoError("network", `The receiver cannot be reached: ${reason}.`, { detail: { reason } });
}

/** The code of a fault, when it looks like one; its text may quote what was sent. */
function kindOf(caught: unknown): string {
  const code = typeof caught === "object" && caught !== null && "code" in caught ? caught.code : undefined;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : "unknown_fault";
}

import type { RetryWhen, SegnoErrorCode } from "@segno/core";
import type { ClientError, FieldError, StepUpRequirement } from "./result.js";
import type { JsonObject } from "./wire.js";

/** Codes that are made here, without an answer from the service. */
export type LocalCode =
  | "network"
  | "timeout"
  | "unexpected_response"
  | "internal"
  | "rate_limited"
  | "unauthenticated"
  | "invalid_grant";

const localErrors: Readonly<Record<LocalCode, readonly [title: string, when: RetryWhen]>> = {
  network: ["The service cannot be reached. Check your connection and try again.", "after_delay"],
  timeout: ["The service took too long to answer. Try again.", "after_delay"],
  unexpected_response: ["The service gave an answer that makes no sense. Try again later.", "after_delay"],
  internal: ["Something went wrong on our side. Try again soon.", "after_delay"],
  rate_limited: ["Too many tries. Wait a moment and try again.", "after_delay"],
  unauthenticated: ["Sign in to continue.", "after_sign_in"],
  invalid_grant: ["Sign in to continue.", "after_sign_in"],
};

/**
 * An error made here, without an answer from the service.
 * @param status of the answer; default 0: there was none
 * @example
 * const { title, retry } = localError("network");
 */
export function localError(code: LocalCode, status = 0): ClientError {
  const [title, when] = localErrors[code];
  return { code, title, status, retry: { when } };
}

function isLocal(code: string): code is LocalCode {
  return Object.hasOwn(localErrors, code);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/**
 * Reads a refusal: problem+json (RFC 9457) or the OAuth form (RFC 6749 section 5.2). What is neither, for example a
 * proxy's HTML page, becomes `rate_limited`, `internal` or `unexpected_response`: never a code that signs anyone out.
 */
export function parseError(status: number, headers: Headers, body: unknown): ClientError {
  const problem = isObject(body) ? body : {};
  const code = text(problem["code"]) ?? text(problem["error"]) ?? codeOfStatus(status);
  const known = isLocal(code) ? localErrors[code] : undefined;
  const retry = isObject(problem["retry"]) ? problem["retry"] : {};
  const when = (text(retry["when"]) as RetryWhen | undefined) ?? retryOf(code, status);
  const afterSeconds = seconds(retry["afterSeconds"]) ?? seconds(headers.get("retry-after"));
  const requestId = text(problem["requestId"]) ?? headers.get("x-request-id") ?? undefined;
  const supportCode = text(problem["supportCode"]);
  const fields = Array.isArray(problem["fields"]) ? problem["fields"].filter(isField) : undefined;
  const stepUp = code === "insufficient_user_authentication" ? parseStepUp(headers) : undefined;
  return {
    code: code as SegnoErrorCode,
    title: text(problem["title"]) ?? (known ?? localErrors.unexpected_response)[0],
    status,
    retry: { when, ...(afterSeconds === undefined ? {} : { afterSeconds }) },
    ...(requestId === undefined ? {} : { requestId }),
    ...(supportCode === undefined ? {} : { supportCode }),
    ...(fields === undefined ? {} : { fields }),
    ...(stepUp === undefined ? {} : { stepUp }),
  };
}

function codeOfStatus(status: number): string {
  if (status === 429) return "rate_limited";
  return status >= 500 ? "internal" : "unexpected_response";
}

function retryOf(code: string, status: number): RetryWhen {
  if (status === 429 || status >= 500) return "after_delay";
  if (code === "insufficient_user_authentication") return "after_step_up";
  return code === "use_dpop_nonce"
    ? "after_correction"
    : isLocal(code) && code !== "unexpected_response"
      ? localErrors[code][1]
      : "never";
}

function seconds(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}

function isField(value: unknown): value is FieldError {
  return isObject(value) && typeof value["path"] === "string" && typeof value["message"] === "string";
}

/**
 * Reads what a 401 challenge asks for (RFC 9470 section 3), or undefined when it is no step-up challenge.
 * @example
 * const response = await fetch("/transfer", { method: "POST" });
 * const wanted = parseStepUp(response.headers); // { acr: "phr", maxAgeSeconds: 300 }
 */
export function parseStepUp(headers: { get(name: string): string | null }): StepUpRequirement | undefined {
  const challenge = headers.get("www-authenticate") ?? "";
  if (!challenge.includes("insufficient_user_authentication")) return undefined;
  const acr = /acr_values="?([^",\s]+)/.exec(challenge)?.[1];
  const maxAge = seconds(/max_age="?(\d+)/.exec(challenge)?.[1]);
  return { ...(acr === undefined ? {} : { acr }), ...(maxAge === undefined ? {} : { maxAgeSeconds: maxAge }) };
}

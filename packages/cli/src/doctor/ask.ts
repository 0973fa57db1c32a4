const timeoutMs = 5_000;

/** @returns the response, or the code of what went wrong on the way */
export async function ask(url: URL, init: RequestInit = {}): Promise<Response | string> {
  try {
    return await fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const { cause, name } = error as { readonly cause?: { readonly code?: unknown }; readonly name?: string };
    if (typeof cause?.code === "string") return cause.code;
    return name === "TimeoutError" ? `no answer within ${timeoutMs / 1000} s` : "the connection failed";
  }
}

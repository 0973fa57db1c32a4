import type { Result } from "./result.js";
import type { RequestSpec, Send } from "./transport.js";

const header = "segno-browser";
const unknown = "new";

/**
 * Token mode has no cookie that says which browser began an attempt: a handle from the service does, kept in memory and
 * sent along with every part of an attempt. Another app or browser that learns the code or link cannot finish it.
 */
export function bindAttempts(send: Send): Send {
  let handle = unknown;
  let first: Promise<unknown> = Promise.resolve();
  const sendNamed = <T>(spec: RequestSpec): Promise<Result<T>> =>
    send<T>({
      ...spec,
      headers: async (method, url) => ({ ...(await spec.headers?.(method, url)), [header]: handle }),
      onResponse: (response) => {
        handle = response.headers.get(header) ?? handle;
        return spec.onResponse?.(response) ?? false;
      },
    });
  return <T>(spec: RequestSpec): Promise<Result<T>> => {
    if (!spec.isAttempt) return send<T>(spec);
    if (handle !== unknown) return sendNamed<T>(spec);
    // One at a time until the handle is known: of two that were asked for at once, one attempt would be lost.
    const mine = first.then(() => sendNamed<T>(spec));
    first = mine;
    return mine;
  };
}

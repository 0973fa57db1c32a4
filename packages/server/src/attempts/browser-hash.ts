import type { RouteContext } from "../http/route.js";
import { hashSecret } from "./hash.js";

/** The hash of the browser handle a request carried; undefined when it carried none, which matches no attempt. */
export function browserHashOf(context: RouteContext<unknown>): string | undefined {
  const handle = context.cookies.existingBrowser();
  return handle === undefined ? undefined : hashSecret(handle);
}

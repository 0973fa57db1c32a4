import { SegnoError } from "@segno/core";
import { headers } from "next/headers.js";
import type { ProtectOptions } from "./auth.js";
import { pathHeader, safeReturnTo } from "./return-to.js";

interface Place extends ProtectOptions {
  readonly signInUrl: string;
  readonly isRendering: boolean;
}

/** How Next is told to end what it is doing: the error to throw. */
export async function interrupt(caught: unknown, place: Place): Promise<unknown> {
  const error = SegnoError.from(caught);
  const { status } = error.info;
  if (status !== 401 && status !== 403) return caught;
  const incoming = await headers();
  // a route handler is an API: it is answered, not redirected
  const isPage = place.isRendering || incoming.has("next-action");
  if (status === 401 && isPage) return redirectTo(place, error, incoming.get(pathHeader));
  return httpError(status, error);
}

async function redirectTo(place: Place, error: SegnoError, here: string | null): Promise<unknown> {
  const target = new URL(place.signInUrl, "http://segno.invalid");
  if (here !== null && new URL(here, "http://segno.invalid").pathname === target.pathname) {
    return new TypeError(
      `auth.protect() runs on the sign-in page ${target.pathname} itself, or in a layout around it.`,
    );
  }
  target.searchParams.set("returnTo", safeReturnTo(place.returnTo ?? here, target.pathname));
  if (error.code === "insufficient_user_authentication") {
    if (place.acr !== undefined) target.searchParams.set("acr_values", place.acr);
    if (place.maxAgeSeconds !== undefined) target.searchParams.set("max_age", String(place.maxAgeSeconds));
  }
  // loaded when needed, by the name Next replaces: outside Next, as in a test, this module has to load without it
  const { redirect } = await import("next/navigation");
  try {
    redirect(target.pathname + target.search);
  } catch (signal) {
    return signal;
  }
}

/** What `unauthorized()` and `forbidden()` of Next throw, which they refuse to do without an experimental flag. */
function httpError(status: 401 | 403, cause: SegnoError): Error {
  return Object.assign(new Error(`${status} ${cause.code}`, { cause }), {
    digest: `NEXT_HTTP_ERROR_FALLBACK;${status}`,
  });
}

import type { SignInProps } from "@segno/react";

/** What a place asks for, as `<SignIn requirement>` takes it. */
export type Requirement = NonNullable<SignInProps["requirement"]>;

/** Search parameters as Next hands them to a page. */
export interface SearchParams {
  readonly [name: string]: string | readonly string[] | undefined;
}

/**
 * What `auth.protect({ acr, maxAgeSeconds })` asked for when it sent somebody to the sign-in page (`acr_values` and
 * `max_age`, as in RFC 9470); undefined when it asked for no more than a session. Only decides what the sign-in page
 * shows: the place that asked checks again.
 * @param params untrusted
 * @example
 * const params = await searchParams;
 * return <SignInForm returnTo={safeReturnTo(params.returnTo)} requirement={stepUpRequirement(params)} />;
 */
export function stepUpRequirement(params: SearchParams): Requirement | undefined {
  const { acr_values: acrValues, max_age: maxAge } = params;
  const acr = typeof acrValues === "string" ? /^[\w.:/-]{1,100}(?= |$)/.exec(acrValues)?.[0] : undefined;
  const maxAgeSeconds = typeof maxAge === "string" && /^\d{1,9}$/.test(maxAge) ? Number(maxAge) : undefined;
  if (acr === undefined && maxAgeSeconds === undefined) return undefined;
  return { ...(acr === undefined ? {} : { acr }), ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }) };
}

import type { PasskeyAttempt, SessionView, SignedIn, Tokens, User } from "@segno/client";
import type { TestAnswer, TestBrowser, TestBrowserOptions } from "../browser/test-browser.js";
import type { MailCapture } from "../mail-capture.js";
import type { CreationOptions } from "../passkeys/ceremony.js";

/** A browser with a session. */
export interface SignedInBrowser {
  readonly browser: TestBrowser;
  readonly user: User;
  readonly session: SessionView;
  readonly isNewUser: boolean;
  /** An access token and the first refresh token of a new family, for callers without a browser. */
  tokens(): Promise<Required<Tokens>>;
}

/** Who signs in, and where. */
export interface SignInAsOptions {
  readonly displayName?: string;
  /** Sign in here. Default: a new browser. */
  readonly browser?: TestBrowser;
  /** How the new browser is opened. */
  readonly browserOptions?: TestBrowserOptions;
}

interface Parts {
  readonly mail: MailCapture;
  readonly browser: (options?: TestBrowserOptions) => TestBrowser;
}

export async function signInAs(
  { mail, browser: open }: Parts,
  email: string,
  options: SignInAsOptions = {},
): Promise<SignedInBrowser> {
  const browser = options.browser ?? open(options.browserOptions);
  const started = await ask<{ attemptId: string }>(browser, "/v1/email/start", { email, ...nameOf(options) });
  const code = await mail.nextCode(email);
  return signedIn(browser, await ask<SignedIn>(browser, "/v1/email/verify", { attemptId: started.attemptId, code }));
}

export async function signUpWithPasskey(
  { browser: open }: Parts,
  options: SignInAsOptions = {},
): Promise<SignedInBrowser> {
  const browser = options.browser ?? open(options.browserOptions);
  const { attemptId, publicKey } = await ask<PasskeyAttempt>(browser, "/v1/passkeys/sign-up/options", nameOf(options));
  const response = await browser.authenticator.create(publicKey as unknown as CreationOptions);
  return signedIn(browser, await ask<SignedIn>(browser, "/v1/passkeys/sign-up/verify", { attemptId, response }));
}

function signedIn(browser: TestBrowser, { user, session, isNewUser }: SignedIn): SignedInBrowser {
  return { browser, user, session, isNewUser, tokens: () => ask<Required<Tokens>>(browser, "/v1/session/grant", {}) };
}

/** A call that must succeed: anything else fails the test with the answer's code. */
async function ask<Body>(browser: TestBrowser, path: string, body: unknown): Promise<Body> {
  const answer: TestAnswer<Body> = await browser.call<Body>(path, body);
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

function nameOf({ displayName }: SignInAsOptions): { displayName?: string } {
  return displayName === undefined ? {} : { displayName };
}

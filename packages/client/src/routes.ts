import type { Result } from "./result.js";
import type { RequestSpec, Send } from "./transport.js";
import type {
  EmailAttempt,
  JsonObject,
  PasskeyAttempt,
  PasskeyList,
  PasskeyView,
  SessionView,
  SignedIn,
  Tokens,
  User,
} from "./wire.js";

/** A mailed code, and the attempt it belongs to. */
export interface CodeInput {
  readonly attemptId: string;
  readonly code: string;
}

/** The second half of a passkey ceremony. */
export interface PasskeyAnswer {
  readonly attemptId: string;
  /** What the browser returned, in its JSON form. */
  readonly response: JsonObject;
}

/** Who wants to sign in by mail. */
export interface EmailStartInput {
  readonly email: string;
  readonly displayName?: string;
  /** Path to return to after the link, on this origin. */
  readonly returnTo?: string;
  /** BCP 47, for the mail's language. */
  readonly locale?: string;
  /** The link raises the session there is, instead of opening another. For the code, see `stepUpVerify`. */
  readonly stepUp?: boolean;
}

/** What a new account may be given. Both are optional; an address is a claim until its mailbox is proved. */
export interface SignUpInput {
  readonly displayName?: string;
  readonly email?: string;
}

/** Sign in by a code or link in one mail. */
export interface EmailApi {
  /** Sends the mail. The answer is the same for known and unknown addresses. */
  start(input: EmailStartInput): Promise<Result<EmailAttempt>>;
  /** Errors: `wrong_code` (try again), `attempt_expired` (start again), `rate_limited`. */
  verify(input: CodeInput): Promise<Result<SignedIn>>;
  /**
   * Raises the session there is with a code mailed to the account's own address; no second session begins.
   * Errors: as `verify`, and `insufficient_user_authentication` when a passkey opened this session: a code is weaker.
   */
  stepUpVerify(input: CodeInput): Promise<Result<SignedIn>>;
}

/** Passkey ceremonies and the passkeys of the account. The `...Options` and `...Verify` pairs enclose the browser's prompt. */
export interface PasskeysApi {
  /** Begins a new account with a passkey. Errors: `sign_up_closed`, `invalid_input`. */
  signUpOptions(input?: SignUpInput): Promise<Result<PasskeyAttempt>>;
  /** Creates the account and signs in. Errors: `passkey_rejected`, `passkey_exists`, `attempt_expired`, `wrong_browser`. */
  signUpVerify(input: PasskeyAnswer): Promise<Result<SignedIn>>;
  /** Begins a sign-in with any passkey of this site; the browser offers those it has. */
  signInOptions(input?: {
    /** The browser offers them inside a field, before anybody asked: counted apart in the funnel. */
    readonly autofill?: boolean;
  }): Promise<Result<PasskeyAttempt>>;
  /** Signs in. Errors: `passkey_unknown`, `passkey_rejected`, `attempt_expired`, `wrong_browser`, `account_unavailable`. */
  signInVerify(input: PasskeyAnswer): Promise<Result<SignedIn>>;
  /** Begins to prove again who it is, with a passkey of the account. Errors: `unauthenticated`, `passkey_unknown` (the account has none). */
  stepUpOptions(): Promise<Result<PasskeyAttempt>>;
  /** Raises the session. Errors: as `signInVerify`, and `unauthenticated`. */
  stepUpVerify(input: PasskeyAnswer): Promise<Result<SignedIn>>;
  /** Errors: `insufficient_user_authentication` when the last proof is too old. */
  addOptions(): Promise<Result<PasskeyAttempt>>;
  /** Adds the passkey. `name` is what the security page shows. Errors: `passkey_exists`, `passkey_rejected`, `attempt_expired`. */
  addVerify(input: PasskeyAnswer & { readonly name?: string }): Promise<Result<PasskeyView>>;
  /** The passkeys of the account. Errors: `unauthenticated`. */
  list(): Promise<Result<PasskeyList>>;
  /** Names a passkey. Errors: `not_found`, `invalid_input`. */
  rename(id: string, input: { readonly name: string }): Promise<Result<PasskeyView>>;
  /** Errors: `last_factor`, `insufficient_user_authentication`. */
  remove(id: string): Promise<Result<void>>;
}

/** The devices on which the account is signed in. */
export interface SessionsApi {
  /** Live sessions, the most recently used first. */
  list(): Promise<Result<{ readonly sessions: readonly SessionView[] }>>;
  /** Names a device. Errors: `not_found`, `invalid_input`. */
  rename(id: string, input: { readonly deviceName: string }): Promise<Result<SessionView>>;
  /** Signs a device out; the current one too. Errors: `not_found`. */
  revoke(id: string): Promise<Result<void>>;
  /** Signs out all other devices, or all. */
  revokeMany(which: "others" | "all"): Promise<Result<{ readonly revoked: number }>>;
  /**
   * Buys the first tokens of a new refresh family for the session of the cookie, bound to this browser's key where
   * `dpop` is on. For handing on, for example to an app's native part; this client keeps none of them: `getToken()` and
   * `fetch` need no grant. Errors: `unauthenticated`.
   */
  grant(): Promise<Result<Tokens>>;
}

/** The account of the person who is signed in. */
export interface UserApi {
  /** The account. Errors: `unauthenticated`. */
  get(): Promise<Result<User>>;
  /** Changes the name. Errors: `invalid_input`. */
  update(input: { readonly displayName: string }): Promise<Result<User>>;
  /** Errors: `insufficient_user_authentication`. */
  delete(): Promise<Result<void>>;
  /** Mails a code to a new address. Errors: `insufficient_user_authentication`, `rate_limited`, `invalid_input`. */
  startEmail(input: { readonly email: string; readonly locale?: string }): Promise<Result<EmailAttempt>>;
  /** Makes the address the account's own. Errors: `wrong_code`, `attempt_expired`, `email_taken`. */
  verifyEmail(input: CodeInput): Promise<Result<User>>;
}

/** What a route's answer changes about who is signed in. */
export interface RouteEffects {
  readonly signedIn: (answer: SignedIn) => Promise<void>;
  readonly userChanged: (user: User) => void;
  readonly sessionRenamed: (session: SessionView) => void;
  readonly signedOut: () => Promise<void>;
  readonly currentSessionId: () => string | undefined;
  /** Token mode: the default audience's token, and its proof. */
  readonly credentials: Partial<RequestSpec>;
  /** Added to the verify calls. */
  readonly mode: { readonly mode?: "token" };
  /** For the calls whose answer carries tokens. */
  readonly proof: (path: string) => Partial<RequestSpec>;
}

/** Every route of the service that a browser calls, typed and grouped. */
export interface Routes {
  readonly email: EmailApi;
  readonly passkeys: PasskeysApi;
  readonly sessions: SessionsApi;
  readonly user: UserApi;
}

async function then<T>(pending: Promise<Result<T>>, effect: (data: T) => void | Promise<void>): Promise<Result<T>> {
  const result = await pending;
  if (result.error === null) await effect(result.data);
  return result;
}

/** Every route of the wire table that a browser calls, typed. */
export function createRoutes(send: Send, effects: RouteEffects): Routes {
  const call = <T>(method: RequestSpec["method"], path: string, body?: unknown): Promise<Result<T>> =>
    send<T>({ method, path, body, ...effects.credentials });
  const attempt = <T>(path: string, body: object): Promise<Result<T>> =>
    send<T>({ method: "POST", path, body, isAttempt: true, ...effects.credentials });
  const open = <T>(path: string, body: object): Promise<Result<T>> =>
    send<T>({ method: "POST", path, body, isAttempt: true });
  const signIn = (path: string, input: object): Promise<Result<SignedIn>> => {
    const body = { ...input, ...effects.mode };
    return then(
      send<SignedIn>({ method: "POST", path, body, isAttempt: true, ...(effects.mode.mode && effects.proof(path)) }),
      effects.signedIn,
    );
  };
  const raise = (path: string, input: object): Promise<Result<SignedIn>> =>
    then(attempt<SignedIn>(path, { ...input, ...effects.mode }), effects.signedIn);
  const id = encodeURIComponent;
  return {
    email: {
      start: (input) => open("/v1/email/start", input),
      verify: (input) => signIn("/v1/email/verify", input),
      stepUpVerify: (input) => raise("/v1/email/verify", { ...input, stepUp: true }),
    },
    passkeys: {
      signUpOptions: (input = {}) => open("/v1/passkeys/sign-up/options", input),
      signUpVerify: (input) => signIn("/v1/passkeys/sign-up/verify", input),
      signInOptions: (input = {}) => open("/v1/passkeys/sign-in/options", input),
      signInVerify: (input) => signIn("/v1/passkeys/sign-in/verify", input),
      stepUpOptions: () => attempt("/v1/passkeys/step-up/options", {}),
      stepUpVerify: (input) => raise("/v1/passkeys/step-up/verify", input),
      addOptions: () => attempt("/v1/passkeys/add/options", {}),
      addVerify: (input) => attempt("/v1/passkeys/add/verify", input),
      list: () => call("GET", "/v1/passkeys"),
      rename: (passkey, input) => call("PATCH", `/v1/passkeys/${id(passkey)}`, input),
      remove: (passkey) => call("DELETE", `/v1/passkeys/${id(passkey)}`),
    },
    sessions: {
      list: () => call("GET", "/v1/sessions"),
      rename: (session, input) =>
        then(call<SessionView>("PATCH", `/v1/sessions/${id(session)}`, input), effects.sessionRenamed),
      revoke: (session) =>
        then(call<void>("DELETE", `/v1/sessions/${id(session)}`), () =>
          session === effects.currentSessionId() ? effects.signedOut() : undefined,
        ),
      revokeMany: (which) =>
        then(call<{ readonly revoked: number }>("POST", "/v1/sessions/revoke", { which }), () =>
          which === "all" ? effects.signedOut() : undefined,
        ),
      grant: () => {
        const path = "/v1/session/grant";
        return send({ method: "POST", path, ...effects.proof(path), ...effects.credentials });
      },
    },
    user: {
      get: () => then(call<User>("GET", "/v1/user"), effects.userChanged),
      update: (input) => then(call<User>("PATCH", "/v1/user", input), effects.userChanged),
      delete: () => then(call<void>("DELETE", "/v1/user", {}), effects.signedOut),
      startEmail: (input) => attempt("/v1/user/email/start", input),
      verifyEmail: (input) => then(attempt<User>("/v1/user/email/verify", input), effects.userChanged),
    },
  };
}

import type { ClientError, EmailAttempt, Result, SegnoClient, SignedIn } from "@segno/client";
import { runCeremony } from "./passkey/ceremony.js";
import { type PasskeyBrowser, passkeyBrowser } from "./passkey/browser-port.js";
import { passkeyUnsupported } from "./passkey/passkey-error.js";
import { signalUnknownPasskey } from "./passkey/signals.js";
import { afterError, type SignInInput, type SignInState } from "./sign-in-state.js";
import { createStore, type Flow } from "./store.js";
import { type Method, watchScreen } from "./watch-screen.js";

/** Options of `createSignIn`. */
export interface SignInOptions {
  /** Offer passkeys inside the email field where the browser can. Default: true. */
  readonly autofill?: boolean;
  /** Path to return to when the person opens the mailed link. */
  readonly returnTo?: string;
  /** BCP 47, for the mail. Default: the browser's language. */
  readonly locale?: string;
  /** The browser's side of a ceremony. Default: this browser. */
  readonly browser?: PasskeyBrowser;
  /** Called once somebody has signed in through this flow. */
  readonly onSignedIn?: (answer: SignedIn) => void;
}

/** What a person can do on the sign-in screen. */
export interface SignInActions {
  /** Finds out what the browser can do and arms autofill. Call when the screen appears, and again after a sign-out. */
  start(): Promise<void>;
  /** Keeps what is typed. */
  edit(input: Partial<SignInInput>): void;
  /** Opens the passkey prompt. Must run inside a click. */
  signInWithPasskey(): Promise<void>;
  /** Creates an account with a passkey, named by what was typed. Must run inside a click. */
  signUpWithPasskey(): Promise<void>;
  /** Sends the mail with code and link; again, when called while waiting for the code. */
  sendEmail(): Promise<void>;
  /** Sends the typed code; spaces and dashes are left out. */
  submitCode(code: string): Promise<void>;
  /** Back to the choice, keeping what was typed. Ends a prompt that is open. */
  back(): Promise<void>;
  /** Leaves the screen: ends prompts and autofill. */
  stop(): void;
}

const blank: SignInState = { status: "idle", input: { email: "", displayName: "" }, canUsePasskey: null, error: null };

/** The flow that `createSignIn` makes. */
export type SignInFlow = Flow<SignInState, SignInActions>;

/**
 * The sign-in screen without the screen: passkey by autofill or button, sign-up, and email as the fallback in the same
 * place. Answers that arrive after the person moved on are dropped; a second click while one is under way does nothing.
 *
 * @example
 * const flow = createSignIn(client);
 * flow.subscribe(() => render(flow.getState()));
 * await flow.actions.start();
 */
export function createSignIn(client: SegnoClient, options: SignInOptions = {}): SignInFlow {
  const browser = options.browser ?? passkeyBrowser;
  const store = watchScreen(createStore<SignInState>(blank), client, offered);
  /** Which undertaking the screen belongs to; an answer to an older one is stale. */
  let turn = 0;
  const get = store.getState;
  const begin = () => {
    turn += 1;
    browser.cancel();
    const mine = turn;
    return () => mine === turn;
  };
  const common = () => {
    const { input, canUsePasskey } = get();
    return { input, canUsePasskey, error: null };
  };
  const isBusy = () => {
    const state = get();
    return (
      state.status === "awaiting_passkey" ||
      state.status === "sending_email" ||
      (state.status === "awaiting_code" && state.isVerifying)
    );
  };

  const finish = (answer: SignedIn) => {
    turn += 1;
    browser.cancel();
    const { user, isNewUser } = answer;
    store.set({ ...common(), status: "signed_in", user, isNewUser });
    options.onSignedIn?.(answer);
  };
  const fail = (error: ClientError) => {
    store.set(afterError(get(), error));
    if (get().status === "choosing") void arm();
  };
  const settle = (result: Result<SignedIn>) => (result.error === null ? finish(result.data) : fail(result.error));

  const choose = () => store.set({ ...common(), status: "choosing", offersEmail: false });

  /** Autofill: waits silently in the background for a passkey picked in the email field. */
  const arm = async (): Promise<void> => {
    if (options.autofill === false) return;
    const isWanted = begin();
    const support = await browser.support();
    if (!support.canAutofill || !isWanted()) return;
    const result = await runCeremony({
      ...signInSteps(true),
      isWanted,
      onAnswered: () => awaitPasskey("sign_in", true),
    });
    if (!isWanted()) return;
    // Nobody asked for this ceremony: only what a picked passkey led to is worth showing.
    if (result.error === null || get().status === "awaiting_passkey") settle(result);
  };

  const signInSteps = (isConditional: boolean) => {
    let rpId = "";
    let credentialId = "";
    return {
      options: () => client.passkeys.signInOptions(isConditional ? { autofill: true } : {}),
      prompt: async (publicKey: Parameters<PasskeyBrowser["get"]>[0]) => {
        rpId = typeof publicKey["rpId"] === "string" ? publicKey["rpId"] : "";
        const response = await browser.get(publicKey, isConditional);
        credentialId = String(response["id"]);
        return response;
      },
      verify: async (answer: Parameters<SegnoClient["passkeys"]["signInVerify"]>[0]) => {
        const result = await client.passkeys.signInVerify(answer);
        if (result.error?.code === "passkey_unknown") await signalUnknownPasskey(rpId, credentialId);
        return result;
      },
    };
  };

  const awaitPasskey = (ceremony: "sign_in" | "sign_up", isVerifying: boolean) =>
    store.set({ ...common(), status: "awaiting_passkey", ceremony, isVerifying });

  const runPasskey = async (ceremony: "sign_in" | "sign_up"): Promise<void> => {
    if (isBusy() || get().status === "signed_in") return;
    if (get().canUsePasskey === false) return fail(passkeyUnsupported());
    const isWanted = begin();
    awaitPasskey(ceremony, false);
    const watch = { isWanted, onAnswered: () => awaitPasskey(ceremony, true) };
    const result =
      ceremony === "sign_in"
        ? await runCeremony({ ...signInSteps(false), ...watch })
        : await runCeremony({
            ...watch,
            options: () => client.passkeys.signUpOptions(filled(get().input)),
            prompt: browser.create,
            verify: client.passkeys.signUpVerify,
          });
    if (isWanted()) settle(result);
  };

  const awaitCode = ({ attemptId, codeLength, expiresInSeconds }: EmailAttempt, mailsSent: number) =>
    store.set({
      ...common(),
      status: "awaiting_code",
      attemptId,
      codeLength,
      expiresInSeconds,
      isVerifying: false,
      mailsSent,
    });

  return {
    getState: get,
    subscribe: store.subscribe,
    actions: {
      start: async () => {
        const isOver = get().status === "signed_in" && client.session.get().status === "signed_out";
        if (get().status !== "idle" && !isOver) return;
        const isWanted = begin();
        // The next person does not see what the last one typed.
        if (isOver) store.set(blank);
        const { canUse } = await browser.support();
        if (!isWanted()) return;
        store.set({ ...common(), status: "choosing", canUsePasskey: canUse, offersEmail: false });
        await arm();
      },
      edit: (input) => store.set({ ...get(), input: { ...get().input, ...input } }),
      signInWithPasskey: () => runPasskey("sign_in"),
      signUpWithPasskey: () => runPasskey("sign_up"),
      sendEmail: async () => {
        const before = get();
        if (isBusy() || before.status === "signed_in" || before.input.email.trim() === "") return;
        const isWanted = begin();
        store.set({ ...common(), status: "sending_email" });
        const { email, displayName } = filled(before.input);
        const locale = options.locale ?? globalThis.navigator?.language;
        const result = await client.email.start({
          email: email ?? "",
          ...(displayName === undefined ? {} : { displayName }),
          ...(options.returnTo === undefined ? {} : { returnTo: options.returnTo }),
          ...(locale === undefined ? {} : { locale }),
        });
        if (!isWanted()) return;
        if (result.error !== null) {
          // Asking for another mail failed: the code already sent may still be typed.
          if (before.status === "awaiting_code") store.set({ ...before, input: get().input });
          return fail(result.error);
        }
        awaitCode(result.data, before.status === "awaiting_code" ? before.mailsSent + 1 : 1);
      },
      submitCode: async (code) => {
        const state = get();
        if (state.status !== "awaiting_code" || state.isVerifying) return;
        const isWanted = begin();
        store.set({ ...state, isVerifying: true, error: null });
        const result = await client.email.verify({ attemptId: state.attemptId, code: code.replace(/[\s-]/g, "") });
        if (isWanted()) settle(result);
      },
      back: async () => {
        if (get().status === "signed_in") return;
        begin();
        choose();
        await arm();
      },
      stop: () => {
        begin();
        if (get().status !== "signed_in") store.set({ ...common(), status: "idle" });
      },
    },
  };
}

const offered = ({ canUsePasskey }: SignInState): readonly Method[] =>
  canUsePasskey ? ["passkey", "email_code"] : ["email_code"];

/** Only what was really typed travels. */
function filled(input: SignInInput): { email?: string; displayName?: string } {
  const email = input.email.trim();
  const displayName = input.displayName.trim();
  return { ...(email === "" ? {} : { email }), ...(displayName === "" ? {} : { displayName }) };
}

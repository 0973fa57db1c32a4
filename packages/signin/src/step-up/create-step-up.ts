import {
  type ClientError,
  type failure,
  parseStepUp,
  type Result,
  type SegnoClient,
  type StepUpRequirement,
} from "@segno/client";
import { type PasskeyBrowser, passkeyBrowser } from "../passkey/browser-port.js";
import { runCeremony } from "../passkey/ceremony.js";
import { createStore, type Flow } from "../store.js";

/** Where a step-up stands. `requirement` is what the service asked for (RFC 9470). */
export type StepUpState =
  | { readonly status: "idle" }
  /** The person has to confirm, or cancel. `methods` is what can help, best first. */
  | StepUpPending<"required">
  | StepUpPending<"awaiting_passkey">
  | StepUpPending<"sending_email">
  | (StepUpPending<"awaiting_code"> & {
      readonly attemptId: string;
      readonly codeLength: number;
      readonly isVerifying: boolean;
    });

/**
 * What can help: a passkey of the account; `new_passkey`, to be made first because the account has none; or a mailed code.
 */
export type StepUpMethod = "passkey" | "new_passkey" | "email";

/** A step-up under way: what was asked for, what can help, and what went wrong last. */
export interface StepUpPending<Status extends string> {
  readonly status: Status;
  readonly requirement: StepUpRequirement;
  readonly methods: readonly StepUpMethod[];
  readonly error: ClientError | null;
}

/** What a person, or the code around it, can do about a step-up. */
export interface StepUpActions {
  /**
   * Runs a call; when the service asks for a step-up, waits for the person to confirm and runs it again. Cancelled:
   * the first answer is returned. Works for client calls and for `fetch` responses.
   */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** Asks for a step-up that no call asked for. @returns whether the person confirmed */
  ask(requirement: StepUpRequirement): Promise<boolean>;
  /**
   * Opens the passkey prompt. Must run inside a click. Where `methods` says `new_passkey` it makes the account's first
   * one, and asks to be called again to confirm with it; where that needs a fresh proof of the mailbox, a code is mailed first.
   */
  confirmWithPasskey(): Promise<void>;
  /** Mails a code to the account's own address; only where `methods` says that a code is enough. */
  sendEmail(): Promise<void>;
  /** Sends the typed code; spaces and dashes are left out. */
  submitCode(code: string): Promise<void>;
  /** Gives up: `run` returns the first answer. */
  cancel(): void;
}

/** The flow that `createStepUp` makes. */
export type StepUpFlow = Flow<StepUpState, StepUpActions>;

/**
 * Confirms that it is still the same person, then resumes what was asked. One step-up serves all calls that wait.
 * @example
 * const stepUp = createStepUp(client);
 * const result = await stepUp.actions.run(() => client.passkeys.remove("the id")); // waits for confirmWithPasskey or cancel
 */
export function createStepUp(client: SegnoClient, options: { readonly browser?: PasskeyBrowser } = {}): StepUpFlow {
  const browser = options.browser ?? passkeyBrowser;
  const store = createStore<StepUpState>({ status: "idle" });
  let waiting: { readonly outcome: Promise<boolean>; readonly settle: (isConfirmed: boolean) => void } | undefined;
  let turn = 0;

  const begin = () => {
    turn += 1;
    browser.cancel();
    const mine = turn;
    return () => mine === turn;
  };
  const end = (isConfirmed: boolean) => {
    begin();
    const { settle } = waiting ?? {};
    waiting = undefined;
    store.set({ status: "idle" });
    settle?.(isConfirmed);
  };
  const require = (requirement: StepUpRequirement): Promise<boolean> => {
    if (waiting) return waiting.outcome;
    let settle: (isConfirmed: boolean) => void = () => undefined;
    const outcome = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    waiting = { outcome, settle };
    store.set({ status: "required", requirement, methods: methodsFor(requirement, client), error: null });
    return outcome;
  };
  const pending = (): StepUpPending<string> | undefined => {
    const state = store.getState();
    return state.status === "idle" ? undefined : state;
  };
  const conclude = (result: Result<unknown>, state: StepUpPending<string>) => {
    if (result.error === null) return end(true);
    const now = store.getState();
    const stays = now.status === "awaiting_code" && result.error.retry.when !== "new_attempt";
    store.set(stays ? { ...now, isVerifying: false, error: result.error } : required(state, result.error));
  };
  const turnTo = (state: StepUpPending<string>, ...methods: StepUpMethod[]) =>
    store.set(required({ ...state, methods }, null));

  const proved = (state: StepUpPending<string>) => (needsNewPasskey(state) ? turnTo(state, "new_passkey") : end(true));

  const confirm = async (state: StepUpPending<string>, isWanted: () => boolean) => {
    let hasNone = false;
    const result = await runCeremony({
      options: async () => {
        const options = await client.passkeys.stepUpOptions();
        hasNone = options.error?.code === "passkey_unknown" && !state.methods.includes("email");
        return options;
      },
      prompt: (publicKey) => browser.get(publicKey, false),
      verify: client.passkeys.stepUpVerify,
      isWanted,
    });
    if (!isWanted()) return;
    if (hasNone) turnTo(state, "new_passkey");
    else conclude(result, state);
  };
  const add = async (state: StepUpPending<string>, isWanted: () => boolean) => {
    const { error } = await runCeremony({
      options: client.passkeys.addOptions,
      prompt: browser.create,
      verify: client.passkeys.addVerify,
      isWanted,
    });
    if (!isWanted()) return;
    if (error?.code === "insufficient_user_authentication" && error.stepUp?.acr === "aal1") return await mail(state);
    if (error === null || error.stepUp !== undefined) turnTo(state, "passkey");
    else store.set(required(state, error));
  };
  const mail = async (state: StepUpPending<string>) => {
    const email = client.session.get().user?.email;
    if (!email) return;
    const isWanted = begin();
    store.set({ ...required(state, null), status: "sending_email" });
    const proof = () => client.session.get().session?.authTime;
    const before = proof();
    const result = await client.email.start({ email, stepUp: true, ...hereAsReturn() });
    if (!isWanted()) return;
    if (result.error !== null) return store.set(required(state, result.error));
    const { attemptId, codeLength } = result.data;
    store.set({ ...required(state, null), status: "awaiting_code", attemptId, codeLength, isVerifying: false });
    // the link of the mail raises the session from another tab
    const stop = client.session.subscribe(() => {
      const now = store.getState();
      if (now.status !== "awaiting_code" || now.attemptId !== attemptId) return stop();
      if (now.isVerifying || proof() === undefined || proof() === before) return;
      stop();
      proved(state);
    });
  };

  return {
    getState: store.getState,
    subscribe: store.subscribe,
    actions: {
      run: async (call) => {
        const first = await call();
        const requirement = stepUpAsked(first);
        if (!requirement) return first;
        return (await require(requirement)) ? await call() : first;
      },
      ask: require,
      confirmWithPasskey: async () => {
        const state = pending();
        if (!state || state.status === "awaiting_passkey") return;
        const isWanted = begin();
        store.set({ ...required(state, null), status: "awaiting_passkey" });
        await (needsNewPasskey(state) ? add : confirm)(state, isWanted);
      },
      sendEmail: async () => {
        const state = pending();
        if (state?.methods.includes("email") && state.status !== "sending_email") await mail(state);
      },
      submitCode: async (code) => {
        const state = store.getState();
        if (state.status !== "awaiting_code" || state.isVerifying) return;
        const isWanted = begin();
        store.set({ ...state, isVerifying: true, error: null });
        const result = await client.email.stepUpVerify({
          attemptId: state.attemptId,
          code: code.replace(/[\s-]/g, ""),
        });
        if (!isWanted()) return;
        if (result.error === null) proved(state);
        else conclude(result, state);
      },
      cancel: () => end(false),
    },
  };
}

function required(state: StepUpPending<string>, error: ClientError | null): StepUpPending<"required"> {
  return { status: "required", requirement: state.requirement, methods: state.methods, error };
}

const needsNewPasskey = ({ methods }: StepUpPending<string>) => methods[0] === "new_passkey";

/** The page the link of a mail leads back to. */
function hereAsReturn(): { returnTo?: string } {
  const { location } = globalThis as { location?: Location };
  const returnTo = location === undefined ? "" : location.pathname + location.search;
  return /^\/(?![/\\])/.test(returnTo) && returnTo.length <= 2000 ? { returnTo } : {};
}

/** A mailed code reaches `aal1`: it helps only where no more is asked, and never lowers what a passkey reached. */
function methodsFor({ acr = "aal1" }: StepUpRequirement, client: SegnoClient): readonly StepUpMethod[] {
  const { user, session } = client.session.get();
  return acr === "aal1" && session?.acr === "aal1" && user?.email ? ["passkey", "email"] : ["passkey"];
}

/** The requirement in an answer of the client or in a `Response`, or undefined when none is asked. */
function stepUpAsked(answer: unknown): StepUpRequirement | undefined {
  if (typeof Response !== "undefined" && answer instanceof Response) {
    return answer.status === 401 ? parseStepUp(answer.headers) : undefined;
  }
  const error = (answer as Partial<ReturnType<typeof failure>> | null | undefined)?.error;
  return error?.code === "insufficient_user_authentication" ? (error.stepUp ?? {}) : undefined;
}

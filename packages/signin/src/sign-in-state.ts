import type { ClientError, User } from "@segno/client";

/** What the person typed. Present in every state: no failure loses it. */
export interface SignInInput {
  readonly email: string;
  readonly displayName: string;
}

interface Common {
  readonly input: SignInInput;
  /** Whether this browser can use passkeys; null until known. */
  readonly canUsePasskey: boolean | null;
  /** The last thing that went wrong, for this same screen. */
  readonly error: ClientError | null;
}

/** Where a sign-in stands. */
export type SignInState = Common &
  (
    | { readonly status: "idle" }
    /** The person may pick a passkey, or type an address. `offersEmail` is set once a passkey has failed. */
    | { readonly status: "choosing"; readonly offersEmail: boolean }
    /** The browser shows its passkey prompt, or the service checks the answer (`isVerifying`). */
    | { readonly status: "awaiting_passkey"; readonly ceremony: "sign_in" | "sign_up"; readonly isVerifying: boolean }
    | { readonly status: "sending_email" }
    /** A mail with a code and a link is on its way. */
    | {
        readonly status: "awaiting_code";
        readonly attemptId: string;
        readonly codeLength: number;
        readonly expiresInSeconds: number;
        readonly isVerifying: boolean;
        /** Counts mails: changes when another one was sent. */
        readonly mailsSent: number;
      }
    | { readonly status: "signed_in"; readonly user: User; readonly isNewUser: boolean }
    /** The sign-in cannot go on, for example because the account is suspended. `restart` begins again. */
    | { readonly status: "failed"; readonly error: ClientError }
  );

/** Errors after which neither a passkey nor a mail would help. */
const finalCodes: ReadonlySet<string> = new Set(["account_unavailable", "sign_up_closed", "origin_not_allowed"]);

/** Where the screen goes after an error: never back to empty fields. */
export function afterError(state: SignInState, error: ClientError): SignInState {
  const { input, canUsePasskey } = state;
  if (finalCodes.has(error.code)) return { status: "failed", input, canUsePasskey, error };
  const isOver = error.retry.when === "new_attempt";
  if (state.status === "awaiting_code" && !isOver) return { ...state, isVerifying: false, error };
  return {
    status: "choosing",
    input,
    canUsePasskey: error.code === "passkey_unsupported" ? false : canUsePasskey,
    offersEmail: true,
    error,
  };
}

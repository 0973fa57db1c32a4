import type { SegnoErrorCode } from "@segno/core";

/** Any JSON object, read with care. */
export interface JsonObject {
  readonly [key: string]: unknown;
}

/** The account of the person who is signed in. */
export interface User {
  readonly id: string;
  readonly displayName: string | null;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly status: "active" | "suspended";
  /** RFC 3339. */
  readonly createdAt: string;
  /** Progressive details still to ask, for example `displayName`. */
  readonly missing: readonly string[];
}

/** One signed-in device or browser. Times are RFC 3339. */
export interface SessionView {
  readonly id: string;
  readonly userId: string;
  /** Whether this is the session that asked. */
  readonly current: boolean;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly expiresAt: string;
  /** Assurance reached, see `acrSatisfies` in `@segno/core`. */
  readonly acr: string;
  /** Authentication methods (RFC 8176). */
  readonly amr: readonly string[];
  /** When the user last proved who they are. */
  readonly authTime: string | number;
  readonly deviceName: string;
}

/** One passkey of the account. */
export interface PasskeyView {
  readonly id: string;
  /** As authenticators know it, base64url: what the signal API must be told, never `id`. */
  readonly credentialId: string;
  readonly name: string;
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  /** Whether the passkey is synchronised by its provider. */
  readonly backedUp: boolean;
  readonly transports: readonly string[];
}

/** Tokens of a session. The refresh token is there in token mode and after `POST /v1/session/grant` only. */
export interface Tokens {
  readonly accessToken: string;
  readonly tokenType: "Bearer" | "DPoP";
  /** Life of the access token, from when it was issued. */
  readonly expiresInSeconds: number;
  /** Space-separated. */
  readonly scope: string;
  readonly refreshToken?: string;
  readonly refreshExpiresInSeconds?: number;
}

/** Somebody has signed in or proved again who they are. */
export interface SignedIn {
  readonly status: "signed_in";
  readonly isNewUser: boolean;
  readonly user: User;
  readonly session: SessionView;
  /** Only in token mode. */
  readonly tokens?: Tokens;
}

/** Who is signed in: the body of `GET /v1/session`, and the seed a server-rendered page hands over. */
export interface SessionSnapshot {
  readonly session: SessionView | null;
  readonly user: User | null;
}

/** A code and a link are on their way. */
export interface EmailAttempt {
  readonly attemptId: string;
  readonly expiresInSeconds: number;
  readonly codeLength: number;
}

/** The first half of a passkey ceremony: hand `publicKey` to the browser. */
export interface PasskeyAttempt {
  readonly attemptId: string;
  /** Creation or request options in their JSON form (WebAuthn Level 3 section 5.1.8). */
  readonly publicKey: JsonObject;
}

/** The passkeys of the account, and what the signal API of the browser must be told. */
export interface PasskeyList {
  readonly passkeys: readonly PasskeyView[];
  readonly rpId: string;
  /** base64url, for the signal API. */
  readonly userHandle: string;
}

interface UiFacts {
  /** Names one showing of a screen: 16 random bytes, base64url. */
  readonly flow: string;
  readonly surface: "sign_in" | "step_up";
}
type UiMethod = "passkey" | "email_code" | "email_link";

/** What a screen tells of itself: a closed list without free text (docs/concepts/events.md). */
export type UiEvent = UiFacts &
  (
    | { readonly type: "ui.exposed"; readonly canUsePasskey: boolean }
    | { readonly type: "ui.method_shown" | "ui.ceremony_started"; readonly method: UiMethod }
    | {
        readonly type: "ui.ceremony_ended";
        readonly method: UiMethod;
        /** An error code, or that the person went back; missing when it did not fail. */
        readonly reason?: SegnoErrorCode | "user_cancelled";
        readonly durationMs: number;
      }
    | { readonly type: "ui.abandoned"; readonly method?: UiMethod; readonly durationMs: number }
  );

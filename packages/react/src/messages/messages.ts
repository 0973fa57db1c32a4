/** Every string the components show. `{name}` marks a place that is filled in. */
export interface Messages {
  readonly signInTitle: string;
  readonly signUpTitle: string;
  readonly email: string;
  readonly displayName: string;
  readonly optional: string;
  readonly signInWithPasskey: string;
  readonly signUpWithPasskey: string;
  readonly continueWithEmail: string;
  readonly newHere: string;
  readonly haveAccount: string;
  readonly or: string;
  readonly noPasskeyHere: string;
  readonly emailNeeded: string;
  readonly waitingForPasskey: string;
  readonly checking: string;
  readonly sendingEmail: string;
  readonly codeSent: string;
  readonly code: string;
  readonly codeNeeded: string;
  readonly continue: string;
  readonly sendAgain: string;
  readonly sentAgain: string;
  readonly back: string;
  readonly startAgain: string;
  readonly cancel: string;
  readonly signedInAs: string;
  readonly signOut: string;
  readonly errorLabel: string;
  readonly supportCode: string;
  readonly securityTitle: string;
  readonly profile: string;
  readonly save: string;
  readonly verifyEmail: string;
  readonly passkeys: string;
  readonly noPasskeys: string;
  readonly addPasskey: string;
  readonly rename: string;
  readonly remove: string;
  readonly name: string;
  readonly passkeyDetails: string;
  readonly neverUsed: string;
  readonly synced: string;
  readonly oneDevice: string;
  readonly sessions: string;
  readonly thisDevice: string;
  readonly lastSeen: string;
  readonly signOutDevice: string;
  readonly signOutOthers: string;
  readonly done: string;
  readonly stepUpTitle: string;
  readonly stepUpText: string;
  readonly stepUpNoPasskey: string;
  readonly confirmWithPasskey: string;
  readonly confirmWithEmail: string;
  /** Texts by error code. What is absent falls back to the error's own English title. */
  readonly errors: Readonly<Record<string, string>>;
}

/** Fills the marked places. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (mark, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? mark) : mark,
  );
}

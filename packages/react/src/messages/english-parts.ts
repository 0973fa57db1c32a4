import type { Messages } from "./messages.js";

/** The names of what only `<Security>` says. */
export type SecurityMessage =
  | "securityTitle"
  | "profile"
  | "save"
  | "verifyEmail"
  | "passkeys"
  | "noPasskeys"
  | "rename"
  | "remove"
  | "name"
  | "passkeyDetails"
  | "neverUsed"
  | "synced"
  | "oneDevice"
  | "sessions"
  | "thisDevice"
  | "lastSeen"
  | "signOutDevice"
  | "signOutOthers"
  | "done";

/** What only `<Security>` says: a page without it does not download it. */
export const englishSecurity: Pick<Messages, SecurityMessage> = {
  securityTitle: "Security",
  profile: "Your details",
  save: "Save",
  verifyEmail: "Send a code to this address",
  passkeys: "Passkeys",
  noPasskeys: "No passkey yet. Add one to sign in without a mail.",
  rename: "Rename {name}",
  remove: "Remove {name}",
  name: "New name",
  passkeyDetails: "Added {created}, last used {used}",
  neverUsed: "never",
  synced: "synced",
  oneDevice: "this device only",
  sessions: "Where you are signed in",
  thisDevice: "this device",
  lastSeen: "Last seen {time}",
  signOutDevice: "Sign out {name}",
  signOutOthers: "Sign out everywhere else",
  done: "Done.",
};

/** What every other component says. Error texts are the client's own. */
export const englishCore: Omit<Messages, SecurityMessage> = {
  signInTitle: "Sign in",
  signUpTitle: "Create an account",
  email: "Email",
  displayName: "Name",
  optional: "optional",
  signInWithPasskey: "Sign in with a passkey",
  signUpWithPasskey: "Create account with a passkey",
  continueWithEmail: "Continue with email",
  newHere: "New here? Create an account",
  haveAccount: "Have an account? Sign in",
  or: "or",
  noPasskeyHere: "This browser cannot use passkeys. Email works everywhere.",
  emailNeeded: "Type your email address, for example name@example.com.",
  waitingForPasskey: "Follow your browser to use your passkey.",
  checking: "Checking…",
  sendingEmail: "Sending the mail…",
  codeSent: "We sent a mail to {email}. Type the code from it here, or open the link in it.",
  code: "Code",
  codeNeeded: "Type the {length} characters of the code from the mail.",
  continue: "Continue",
  sendAgain: "Send another mail",
  sentAgain: "Another mail is on its way. Use the newest code.",
  back: "Use another way",
  startAgain: "Start again",
  cancel: "Cancel",
  signedInAs: "You are signed in as {name}.",
  signOut: "Sign out",
  errorLabel: "Problem:",
  supportCode: "Support code: {code}",
  stepUpTitle: "Confirm that it is you",
  stepUpText: "This is a sensitive change, so we check once more.",
  stepUpNoPasskey: "This needs a passkey, and your account has none yet. Add one, then confirm with it.",
  addPasskey: "Add a passkey",
  confirmWithPasskey: "Confirm with a passkey",
  confirmWithEmail: "Confirm with a mailed code",
  errors: {},
};

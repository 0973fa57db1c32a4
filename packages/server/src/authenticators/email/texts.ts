import type { Locale } from "./locale.js";

/** Every sentence a mail or a page says. `app` is the host name people know the application by. */
interface Texts {
  readonly signInSubject: (app: string) => string;
  readonly signInIntro: (app: string) => string;
  readonly signInLink: string;
  readonly signInCode: string;
  readonly signInBoth: string;
  readonly signInClosing: string;
  readonly addSubject: (app: string) => string;
  readonly addIntro: (app: string) => string;
  readonly addClosing: string;
  readonly noAccountSubject: (app: string) => string;
  readonly noAccountIntro: (app: string) => string;
  readonly noAccountClosing: string;
  readonly passkeyAddedSubject: (app: string) => string;
  readonly passkeyAdded: (app: string, name: string) => string;
  readonly passkeyRemovedSubject: (app: string) => string;
  readonly passkeyRemoved: (app: string, name: string) => string;
  readonly emailChangedSubject: (app: string) => string;
  readonly emailChanged: (app: string) => string;
  readonly wrongCodesSubject: (app: string) => string;
  readonly wrongCodes: (app: string) => string;
  readonly wrongCodesClosing: string;
  readonly noticeClosing: string;
  readonly pageTitle: string;
  readonly pageIntro: (app: string) => string;
  readonly pageButton: string;
  readonly codeTitle: string;
  readonly codeIntro: string;
  readonly codeWarning: string;
  readonly sameBrowserTitle: string;
  readonly sameBrowserIntro: string;
  readonly badLinkTitle: string;
  readonly badLinkIntro: string;
}

const en: Texts = {
  signInSubject: (app) => `Sign in to ${app}`,
  signInIntro: (app) => `Somebody, hopefully you, wants to sign in to ${app} with this address.`,
  signInLink: "Sign in",
  signInCode: "Your code",
  signInBoth: "Use the link in the browser you started in, or type the code there. Both work once, for 10 minutes.",
  signInClosing: "If it was not you, ignore this mail and tell nobody the code.",
  addSubject: (app) => `Confirm your address for ${app}`,
  addIntro: (app) =>
    `Somebody signed in to ${app} wants to use this address for their account. Type the code there within 10 minutes.`,
  addClosing: "If it was not you, ignore this mail and tell nobody the code: it would give them your address.",
  noAccountSubject: (app) => `Sign in to ${app}`,
  noAccountIntro: (app) =>
    `Somebody, hopefully you, wants to sign in to ${app} with this address, but it has no account there.`,
  noAccountClosing: "If you have an account, use the address it was made with. If it was not you, ignore this mail.",
  passkeyAddedSubject: (app) => `A passkey was added to your ${app} account`,
  passkeyAdded: (app, name) => `The passkey "${name}" can now sign in to your account at ${app}.`,
  passkeyRemovedSubject: (app) => `A passkey was removed from your ${app} account`,
  passkeyRemoved: (app, name) => `The passkey "${name}" can no longer sign in to your account at ${app}.`,
  emailChangedSubject: (app) => `Your address for ${app} was changed`,
  emailChanged: (app) => `Your account at ${app} now uses another address. This one no longer signs in.`,
  wrongCodesSubject: (app) => `Wrong codes for your address at ${app}`,
  wrongCodes: (app) =>
    `Somebody typed five wrong codes to sign in to ${app} with this address. Nobody was signed in, and the code they tried for no longer works.`,
  wrongCodesClosing: "If it was you, start again. If it was not, there is nothing to do: tell nobody a code.",
  noticeClosing:
    "If it was not you, sign in now, end the sessions you do not know and remove the passkeys you do not know.",
  pageTitle: "Sign in",
  pageIntro: (app) => `Continue to ${app}.`,
  pageButton: "Sign in",
  codeTitle: "Type this code",
  codeIntro: "You started on another device or browser. Type this code there:",
  codeWarning: "Did you not start this yourself? Close this page and tell nobody the code.",
  sameBrowserTitle: "Open the link where you started",
  sameBrowserIntro: "This link only works in the browser you started in. Open it there, or start again here.",
  badLinkTitle: "This link is not complete",
  badLinkIntro: "Copy the whole link from the mail, or start again.",
};

const de: Texts = {
  signInSubject: (app) => `Anmelden bei ${app}`,
  signInIntro: (app) => `Jemand, hoffentlich Sie, möchte sich mit dieser Adresse bei ${app} anmelden.`,
  signInLink: "Anmelden",
  signInCode: "Ihr Code",
  signInBoth:
    "Öffnen Sie den Link in dem Browser, in dem Sie begonnen haben, oder geben Sie dort den Code ein. Beides gilt einmal und 10 Minuten lang.",
  signInClosing: "Waren Sie es nicht? Dann ignorieren Sie diese Mail und nennen Sie niemandem den Code.",
  addSubject: (app) => `Adresse für ${app} bestätigen`,
  addIntro: (app) =>
    `Jemand, der bei ${app} angemeldet ist, möchte diese Adresse für sein Konto verwenden. Geben Sie den Code dort innerhalb von 10 Minuten ein.`,
  addClosing:
    "Waren Sie es nicht? Dann ignorieren Sie diese Mail und nennen Sie niemandem den Code: Er gäbe Ihre Adresse preis.",
  noAccountSubject: (app) => `Anmelden bei ${app}`,
  noAccountIntro: (app) =>
    `Jemand, hoffentlich Sie, möchte sich mit dieser Adresse bei ${app} anmelden, doch dort gibt es kein Konto dazu.`,
  noAccountClosing: "Haben Sie ein Konto, nehmen Sie dessen Adresse. Waren Sie es nicht, ignorieren Sie diese Mail.",
  passkeyAddedSubject: (app) => `Neuer Passkey für Ihr Konto bei ${app}`,
  passkeyAdded: (app, name) => `Mit dem Passkey „${name}“ kann man sich ab jetzt in Ihrem Konto bei ${app} anmelden.`,
  passkeyRemovedSubject: (app) => `Passkey aus Ihrem Konto bei ${app} entfernt`,
  passkeyRemoved: (app, name) =>
    `Mit dem Passkey „${name}“ kann man sich nicht mehr in Ihrem Konto bei ${app} anmelden.`,
  emailChangedSubject: (app) => `Ihre Adresse bei ${app} wurde geändert`,
  emailChanged: (app) =>
    `Ihr Konto bei ${app} verwendet jetzt eine andere Adresse. Mit dieser kann man sich nicht mehr anmelden.`,
  wrongCodesSubject: (app) => `Falsche Codes für Ihre Adresse bei ${app}`,
  wrongCodes: (app) =>
    `Jemand hat fünf falsche Codes eingegeben, um sich mit dieser Adresse bei ${app} anzumelden. Niemand wurde angemeldet, und der Code dazu gilt nicht mehr.`,
  wrongCodesClosing: "Waren Sie es? Dann beginnen Sie neu. Sonst ist nichts zu tun: Nennen Sie niemandem einen Code.",
  noticeClosing:
    "Waren Sie es nicht? Dann melden Sie sich jetzt an, beenden Sie fremde Sitzungen und entfernen Sie fremde Passkeys.",
  pageTitle: "Anmelden",
  pageIntro: (app) => `Weiter zu ${app}.`,
  pageButton: "Anmelden",
  codeTitle: "Geben Sie diesen Code ein",
  codeIntro:
    "Sie haben auf einem anderen Gerät oder in einem anderen Browser begonnen. Geben Sie dort diesen Code ein:",
  codeWarning: "Haben Sie das nicht selbst begonnen? Dann schließen Sie diese Seite und nennen Sie niemandem den Code.",
  sameBrowserTitle: "Öffnen Sie den Link dort, wo Sie begonnen haben",
  sameBrowserIntro:
    "Dieser Link gilt nur in dem Browser, in dem Sie begonnen haben. Öffnen Sie ihn dort, oder beginnen Sie hier neu.",
  badLinkTitle: "Dieser Link ist nicht vollständig",
  badLinkIntro: "Kopieren Sie den ganzen Link aus der Mail, oder beginnen Sie neu.",
};

/** The sentences of one language. */
export const texts: Readonly<Record<Locale, Texts>> = { en, de };

import type { Engine, MailMessage } from "../../engine.js";
import type { Locale } from "./locale.js";
import { layOutMail } from "./mail-text.js";
import { texts } from "./texts.js";

interface To {
  readonly to: string;
  readonly locale: Locale;
}

/** What people know the application by. */
function appName(engine: Pick<Engine, "config">): string {
  return new URL(engine.config.baseUrl).host;
}

/** Link and code in one mail; whichever way is switched off is left out. */
export function signInMail(
  engine: Engine,
  input: To & { readonly linkToken: string; readonly code: string },
): MailMessage {
  const text = texts[input.locale];
  const app = appName(engine);
  const { emailLink, emailCode } = engine.config.signIn;
  const url = `${engine.config.origin}${engine.config.basePath}/v1/email/link?token=${input.linkToken}`;
  return layOutMail({
    to: input.to,
    locale: input.locale,
    subject: text.signInSubject(app),
    lines: [text.signInIntro(app), text.signInBoth],
    link: emailLink ? { label: text.signInLink, url } : undefined,
    code: emailCode ? { label: text.signInCode, value: input.code } : undefined,
    closing: text.signInClosing,
  });
}

/** For an unknown address while sign-up is closed: as costly to make as the other, and of no use to sign in. */
export function noAccountMail(engine: Engine, input: To): MailMessage {
  const text = texts[input.locale];
  const app = appName(engine);
  const { to, locale } = input;
  const lines = [text.noAccountIntro(app)];
  return layOutMail({ to, locale, subject: text.noAccountSubject(app), lines, closing: text.noAccountClosing });
}

export function addAddressMail(engine: Engine, input: To & { readonly code: string }): MailMessage {
  const text = texts[input.locale];
  const app = appName(engine);
  return layOutMail({
    to: input.to,
    locale: input.locale,
    subject: text.addSubject(app),
    lines: [text.addIntro(app)],
    code: { label: text.signInCode, value: input.code },
    closing: text.addClosing,
  });
}

/** Tells whoever reads a mailbox that its codes are being guessed (T-095). */
export function wrongCodesMail(engine: Engine, input: To): MailMessage {
  const text = texts[input.locale];
  const app = appName(engine);
  const { to, locale } = input;
  const lines = [text.wrongCodes(app)];
  return layOutMail({ to, locale, subject: text.wrongCodesSubject(app), lines, closing: text.wrongCodesClosing });
}

/** Tells the owner of an account about a changed factor. */
export function factorNotice(
  engine: Engine,
  input: To & { readonly what: "passkey_added" | "passkey_removed" | "email_changed"; readonly name?: string },
): MailMessage {
  const text = texts[input.locale];
  const app = appName(engine);
  const { to, locale, name = "" } = input;
  const [subject, line] = {
    passkey_added: [text.passkeyAddedSubject(app), text.passkeyAdded(app, name)] as const,
    passkey_removed: [text.passkeyRemovedSubject(app), text.passkeyRemoved(app, name)] as const,
    email_changed: [text.emailChangedSubject(app), text.emailChanged(app)] as const,
  }[input.what];
  return layOutMail({ to, locale, subject, lines: [line], closing: text.noticeClosing });
}

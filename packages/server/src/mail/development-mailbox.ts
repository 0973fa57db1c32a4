import type { MailMessage, MailTransport } from "../engine.js";

const kept = 50;

/** Mail that stays in memory: what development and tests read instead of a mailbox. */
export interface DevelopmentMailbox extends MailTransport {
  /** The last 50 messages, oldest first. */
  messages(): readonly MailMessage[];
}

/**
 * The built-in mailbox of development. Nothing leaves the process.
 * Not for production: `createSegno` refuses it there.
 * @example
 * const mailbox = developmentMailbox();
 * const app = createSegno({ email: mailbox, baseUrl: "http://localhost:3000" });
 * const newest = mailbox.messages().at(-1);
 */
export function developmentMailbox(): DevelopmentMailbox {
  const messages: MailMessage[] = [];
  return {
    send: async (message) => {
      messages.push(message);
      if (messages.length > kept) messages.shift();
    },
    messages: () => [...messages],
  };
}

/** A message as the engine hands it to a mail transport. */
export interface CapturedMail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** A mail transport that keeps what it is given, and reads codes and links as a person would. */
export interface MailCapture {
  /** Fits the engine's `email` option. */
  send(message: CapturedMail): Promise<void>;
  readonly messages: readonly CapturedMail[];
  /** The next message to that address which nobody has taken yet; waits for it up to `timeoutMs` (default 10000). */
  next(to: string, options?: { readonly timeoutMs?: number }): Promise<CapturedMail>;
  /** Like `next`, and reads the code out of it. */
  nextCode(to: string): Promise<string>;
  /** Like `next`, and reads the link out of it. */
  nextLink(to: string): Promise<string>;
  /** Makes the next `times` (default 1) deliveries fail. */
  failNext(error: Error, times?: number): void;
  /** Forgets every message. */
  clear(): void;
}

/**
 * A mailbox for tests.
 * @example
 * const mail = createMailCapture();
 * const app = createSegno({ email: mail, baseUrl: "http://localhost:3000" });
 * const code = await mail.nextCode("ada@example.com"); // once the application has sent one
 */
export function createMailCapture(): MailCapture {
  const messages: CapturedMail[] = [];
  const taken = new Set<CapturedMail>();
  const waiting = new Set<() => void>();
  const failures: Error[] = [];

  const take = (to: string): CapturedMail | undefined => {
    const found = messages.find((message) => !taken.has(message) && message.to.toLowerCase() === to.toLowerCase());
    if (found !== undefined) taken.add(found);
    return found;
  };
  const next = (to: string, options: { readonly timeoutMs?: number } = {}): Promise<CapturedMail> =>
    new Promise((resolve, reject) => {
      const look = (): boolean => {
        const found = take(to);
        if (found === undefined) return false;
        waiting.delete(look);
        clearTimeout(timer);
        resolve(found);
        return true;
      };
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`No mail to ${to} arrived.`));
      }, options.timeoutMs ?? 10_000);
      if (!look()) waiting.add(look);
    });

  return {
    async send(message) {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      messages.push(message);
      for (const look of [...waiting]) look();
    },
    messages,
    next,
    nextCode: async (to) => codeIn(await next(to)),
    nextLink: async (to) => linkIn(await next(to)),
    failNext(error, times = 1) {
      for (let count = 0; count < times; count += 1) failures.push(error);
    },
    clear() {
      messages.length = 0;
      taken.clear();
    },
  };
}

/** The code in the text part: six to eight digits alone on a line, spaces between groups allowed. */
export function codeIn(mail: CapturedMail): string {
  const withoutLinks = mail.text.replace(/https?:\/\/\S+/g, "");
  const code = withoutLinks.match(/(?<![\w-])\d(?:[ -]?\d){5,7}(?![\w-])/)?.[0];
  if (code === undefined) throw new Error(`The mail "${mail.subject}" shows no code.`);
  return code.replace(/[ -]/g, "");
}

/** The first link of the text part that carries a token. */
export function linkIn(mail: CapturedMail): string {
  const link = mail.text.match(/https?:\/\/[^\s<>"]+[?&]token=[^\s<>"]+/)?.[0];
  if (link === undefined) throw new Error(`The mail "${mail.subject}" shows no link.`);
  return link;
}

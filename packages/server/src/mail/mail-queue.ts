import { AsyncLocalStorage } from "node:async_hooks";
import type { Engine, MailMessage, MailQueue, MailTransport } from "../engine.js";
import { deleteMail, insertMail, leaseMail, releaseMail } from "./store.js";

const purpose = "mail.queue";
/** Longer than a sending may take: after it another process may try the same message. */
const leaseMs = 60_000;
const maxAttempts = 12;
/** Messages sent at the same time: a slow mail server holds up a few, not all. */
const lanes = 4;
const pollMs = 5_000;

export interface MailQueueParts extends Pick<Engine, "clock" | "newId" | "store" | "secrets" | "log"> {
  /** Whether somebody at this address has an account. */
  readonly hasAccount: (email: string) => Promise<boolean>;
}

/** What is sealed in a row. */
interface QueuedMail {
  readonly message: MailMessage;
  readonly otherwise?: MailMessage;
}

/** The queue and its sender. */
export interface MailSender extends MailQueue {
  /** Sends what is due. @returns how many were sent */
  drain(): Promise<number>;
  /** Looks for due mail every 5 s, so that a crash or a failed sending is made good. */
  start(): void;
  /** Ends the polling and waits for the message that is being sent. */
  stop(): Promise<void>;
}

/**
 * Mail in the store, sealed, written by the transaction that needs it: it goes out exactly when that commits, also after
 * a crash. At least once: a crash between the mail server's yes and our delete sends a message twice.
 * A message is given up after 12 tries (about 25 minutes).
 * @param sendTimeoutMs how long the transport may take for one message: shorter than the lease, and longer than servers that
 * are slow on purpose take, because what they take after it is sent twice
 */
export function createMailQueue(parts: MailQueueParts, transport: MailTransport, sendTimeoutMs = 50_000): MailSender {
  const outside = AsyncLocalStorage.snapshot();
  const sender = { ...parts, transport, sendTimeoutMs };
  const running = new Set<Promise<number>>();
  let active = 0;
  let asked = 0;
  let timer: ReturnType<typeof setInterval> | undefined;

  /** Sends until nothing is due. Whoever asks in the meantime is served as well: it looks once more. */
  const lane = async (): Promise<number> => {
    let sent = 0;
    try {
      for (let seen = -1; seen !== asked; ) {
        seen = asked;
        for (let outcome = await sendNext(sender); outcome !== "empty"; outcome = await sendNext(sender)) {
          if (outcome === "sent") sent += 1;
        }
      }
      return sent;
    } finally {
      active -= 1;
    }
  };
  /** Puts the free lanes to work: one that waits for its mail server holds up nobody else. */
  const drain = async (): Promise<number> => {
    asked += 1;
    while (active < lanes) {
      active += 1;
      const run = lane();
      running.add(run);
      const forget = () => void running.delete(run);
      run.then(forget, forget);
    }
    const sent = await Promise.all(running);
    return sent.reduce((sum, count) => sum + count, 0);
  };
  const background = (): void => {
    drain().catch((error: unknown) => parts.log.error("mail queue could not be read", { error: nameOf(error) }));
  };

  return {
    enqueue: async (trx, message, otherwise) => {
      const id = parts.newId();
      const nowMs = parts.clock.nowMs();
      const sealed = parts.secrets.seal(purpose, new TextEncoder().encode(JSON.stringify({ message, otherwise })), id);
      await insertMail(trx, { id, sealed, created_at: nowMs, attempts: 0, next_attempt_at: nowMs, locked_until: 0 });
    },
    nudge: () => outside(() => void setImmediate(background)),
    drain,
    start: () => {
      if (timer !== undefined) return;
      timer = setInterval(background, pollMs);
      timer.unref?.();
      // what a process that died left behind goes out now, not at the first poll
      outside(() => void setImmediate(background));
    },
    stop: async () => {
      clearInterval(timer);
      timer = undefined;
      await Promise.allSettled(running);
    },
  };
}

interface Sender extends MailQueueParts {
  readonly transport: MailTransport;
  readonly sendTimeoutMs: number;
}

async function sendNext(parts: Sender): Promise<"sent" | "failed" | "empty"> {
  const nowMs = parts.clock.nowMs();
  const row = await leaseMail(parts.store, { nowMs, lockedUntilMs: nowMs + leaseMs });
  if (row === undefined) return "empty";
  try {
    const plain = new TextDecoder().decode(parts.secrets.open(purpose, row.sealed, row.id));
    const message = await chooseMessage(parts, JSON.parse(plain) as QueuedMail);
    await within(parts.sendTimeoutMs, parts.transport.send(message));
  } catch (error) {
    const isLast = row.attempts >= maxAttempts;
    parts.log.warn(isLast ? "mail given up" : "mail not sent", {
      id: row.id,
      attempts: row.attempts,
      error: nameOf(error),
    });
    if (isLast) await deleteMail(parts.store.db, row.id);
    else await releaseMail(parts.store.db, row.id, parts.clock.nowMs() + backOffMs(row.attempts));
    return "failed";
  }
  await deleteMail(parts.store.db, row.id);
  return "sent";
}

async function chooseMessage(parts: MailQueueParts, { message, otherwise }: QueuedMail): Promise<MailMessage> {
  if (otherwise === undefined || (await parts.hasAccount(message.to))) return message;
  return otherwise;
}

/** A mail server that never answers is one that failed. Real time: it guards this process, not the message. */
async function within(timeoutMs: number, sending: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new DOMException("the transport did not answer", "TimeoutError")),
    timeoutMs,
  );
  timer.unref?.();
  try {
    await Promise.race([sending, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** 1 s, 2 s, 4 s ... up to 5 minutes. */
function backOffMs(attempts: number): number {
  return Math.min(300_000, 1000 * 2 ** (attempts - 1));
}

/** The kind of fault, never its text: mail servers quote addresses. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

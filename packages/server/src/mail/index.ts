export { type DevelopmentMailbox, developmentMailbox } from "./development-mailbox.js";
export { createMailQueue, type MailQueueParts, type MailSender } from "./mail-queue.js";
export { type NodemailerTransporter, nodemailerTransport } from "./nodemailer-transport.js";

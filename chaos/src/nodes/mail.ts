import type { SegnoOptions } from "@segno/server";
import { nodemailerTransport } from "@segno/server";
import nodemailer from "nodemailer";

type MailTransport = NonNullable<SegnoOptions["email"]>;

/** Mail as most applications send it. */
export function smtpMail(port: number): MailTransport {
  const transporter = nodemailer.createTransport({ host: "127.0.0.1", port, secure: false, ignoreTLS: true });
  return nodemailerTransport(transporter, { from: "Chaos <no-reply@example.com>" });
}

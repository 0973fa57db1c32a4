import type { MailTransport } from "../engine.js";

/** The part of a nodemailer transporter that is used. Pass what `nodemailer.createTransport()` returned. */
export interface NodemailerTransporter {
  /** Resolves once the mail server took the message. */
  sendMail(message: {
    readonly from: string;
    readonly to: { readonly name: string; readonly address: string };
    readonly subject: string;
    readonly text: string;
    readonly html: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly disableFileAccess: boolean;
    readonly disableUrlAccess: boolean;
  }): Promise<unknown>;
}

/**
 * Sends through a nodemailer transporter the application holds (SMTP, SES, sendmail ...).
 *
 * @param options.from the sender, for example `"Example <no-reply@example.com>"`
 * @example
 * ```ts
 * import { createSegno, nodemailerTransport } from "@segno/server";
 * import nodemailer from "nodemailer";
 *
 * const transporter = nodemailer.createTransport(process.env.SMTP_URL);
 * export const segno = createSegno({ email: nodemailerTransport(transporter, { from: "Example <no-reply@example.com>" }) });
 * ```
 */
export function nodemailerTransport(
  transporter: NodemailerTransporter,
  options: { readonly from: string },
): MailTransport {
  return {
    send: async ({ to, subject, text, html }) => {
      await transporter.sendMail({
        from: options.from,
        to: { name: "", address: to },
        subject,
        text,
        html,
        headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
        disableFileAccess: true,
        disableUrlAccess: true,
      });
    },
  };
}

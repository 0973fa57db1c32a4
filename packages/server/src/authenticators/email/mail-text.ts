import type { MailMessage } from "../../engine.js";
import { escapeHtml, oneLine } from "./escape.js";
import type { Locale } from "./locale.js";

/** A mail before it is laid out: plain text in every field. */
export interface MailParts {
  readonly to: string;
  readonly locale: Locale;
  readonly subject: string;
  readonly lines: readonly string[];
  readonly link?: { readonly label: string; readonly url: string } | undefined;
  readonly code?: { readonly label: string; readonly value: string } | undefined;
  readonly closing: string;
}

/** One message, as text and as HTML, from the same parts. Everything that goes into the HTML is escaped here. */
export function layOutMail(parts: MailParts): MailMessage {
  return { to: parts.to, subject: oneLine(parts.subject).slice(0, 150), text: asText(parts), html: asHtml(parts) };
}

function asText({ lines, link, code, closing }: MailParts): string {
  const blocks = [
    ...lines.map(oneLine),
    ...(link === undefined ? [] : [`${oneLine(link.label)}:\n${link.url}`]),
    ...(code === undefined ? [] : [`${oneLine(code.label)}: ${code.value}`]),
    oneLine(closing),
  ];
  return `${blocks.join("\n\n")}\n`;
}

const box = "font-family:system-ui,sans-serif;font-size:16px;line-height:1.5;max-width:32em;margin:0 auto;padding:24px";
const button =
  "display:inline-block;padding:12px 20px;border-radius:8px;background:#1a56db;color:#ffffff;text-decoration:none;font-weight:600";
const digits = "font-size:32px;letter-spacing:6px;font-weight:700;font-family:ui-monospace,monospace";

function asHtml({ locale, subject, lines, link, code, closing }: MailParts): string {
  const text = (line: string) => `<p>${escapeHtml(oneLine(line))}</p>`;
  const blocks = [
    ...lines.map(text),
    ...(link === undefined
      ? []
      : [`<p><a href="${escapeHtml(link.url)}" style="${button}">${escapeHtml(link.label)}</a></p>`]),
    ...(code === undefined
      ? []
      : [`<p>${escapeHtml(code.label)}:</p><p style="${digits}">${escapeHtml(code.value)}</p>`]),
    text(closing),
  ];
  const title = escapeHtml(oneLine(subject));
  return `<!doctype html><html lang="${locale}"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${title}</title></head><body><div style="${box}">${blocks.join("")}</div></body></html>`;
}

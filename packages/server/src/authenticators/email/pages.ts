import { createHash } from "node:crypto";
import type { Reply } from "../../http/route.js";
import { escapeHtml } from "./escape.js";
import type { Locale } from "./locale.js";
import { texts } from "./texts.js";

const style = [
  ":root{color-scheme:light dark;--ink:#111827;--paper:#ffffff;--line:#6b7280;--button:#1a56db;--label:#ffffff}",
  "@media (prefers-color-scheme:dark){:root{--ink:#f3f4f6;--paper:#111827;--line:#9ca3af;--button:#93c5fd;--label:#0b1220}}",
  "body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}",
  "main{max-width:26rem;margin:0 auto;padding:3rem 1.25rem}",
  "h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}",
  "button{font:inherit;font-weight:600;width:100%;min-height:3rem;border:0;border-radius:.5rem;background:var(--button);color:var(--label);cursor:pointer}",
  "button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}",
  "output{display:block;margin:1rem 0;padding:1rem;border:1px solid var(--line);border-radius:.5rem;text-align:center;font:700 2rem/1.2 ui-monospace,monospace;letter-spacing:.25em}",
].join("");

const styleHash = createHash("sha256").update(style).digest("base64");
/** No script, no frame, no other origin. The Referer stays at home because the address holds the token; Origin is still sent. */
const headers: Readonly<Record<string, string>> = {
  "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "X-Robots-Tag": "noindex, nofollow",
  "Cross-Origin-Opener-Policy": "same-origin",
};

interface Page {
  readonly locale: Locale;
  readonly title: string;
  /** HTML: every caller escapes what it puts in. */
  readonly body: string;
  readonly status?: number;
}

function page({ locale, title, body, status }: Page): Reply {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><style>${style}</style>`;
  const html = `<!doctype html><html lang="${locale}"><head>${head}</head><body><main><h1>${escapeHtml(title)}</h1>${body}</main></body></html>`;
  return { status: status ?? 200, html, headers: { ...headers, "Content-Language": locale } };
}

/** The page a mailed link opens: one button. Opening it changes nothing, so a mail scanner cannot use up the link. */
export function confirmPage(input: { locale: Locale; action: string; token: string; app: string }): Reply {
  const text = texts[input.locale];
  const field = `<input type="hidden" name="token" value="${escapeHtml(input.token)}">`;
  const form = `<form method="post" action="${escapeHtml(input.action)}">${field}<button type="submit">${escapeHtml(text.pageButton)}</button></form>`;
  return page({
    locale: input.locale,
    title: text.pageTitle,
    body: `<p>${escapeHtml(text.pageIntro(input.app))}</p>${form}`,
  });
}

/** For a browser that did not start: the code to type where it was started. */
export function codePage(input: { locale: Locale; code: string }): Reply {
  const text = texts[input.locale];
  const spoken = [...input.code].join(" ");
  const code = `<output aria-label="${escapeHtml(spoken)}">${escapeHtml(input.code)}</output>`;
  const body = `<p>${escapeHtml(text.codeIntro)}</p>${code}<p>${escapeHtml(text.codeWarning)}</p>`;
  return page({ locale: input.locale, title: text.codeTitle, body });
}

/** The same, when codes are switched off. */
export function sameBrowserPage(input: { locale: Locale }): Reply {
  const text = texts[input.locale];
  return page({
    locale: input.locale,
    title: text.sameBrowserTitle,
    body: `<p>${escapeHtml(text.sameBrowserIntro)}</p>`,
  });
}

export function badLinkPage(input: { locale: Locale }): Reply {
  const text = texts[input.locale];
  return page({
    locale: input.locale,
    title: text.badLinkTitle,
    body: `<p>${escapeHtml(text.badLinkIntro)}</p>`,
    status: 400,
  });
}

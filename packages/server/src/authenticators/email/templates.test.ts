import { describe, expect, it } from "vitest";
import type { Engine } from "../../engine.js";
import { escapeHtml, oneLine } from "./escape.js";
import { pickLocale } from "./locale.js";
import { addAddressMail, factorNotice, noAccountMail, signInMail } from "./mails.js";
import { codePage, confirmPage } from "./pages.js";
import { codeOf } from "./secrets.js";
import { texts } from "./texts.js";

const engine = {
  config: {
    baseUrl: "https://app.example.com",
    origin: "https://app.example.com",
    basePath: "/api/auth",
    signIn: { emailLink: true, emailCode: true },
  },
} as unknown as Engine;
const hostile = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  '"><svg/onload=alert(1)>',
  "'><a href='https://evil.example'>",
  "&lt;b&gt;",
  "</title><script>",
  "x\r\nBcc: eve@evil.example",
  "x\nSubject: y",
  "x\rX-Evil: 1",
  "x\u2028Bcc: y",
  "x\u2029y",
  "x\u0000y",
  "x\u0085y",
  "\u202eevil\u202c",
  "a\u200bb",
  "=?utf-8?q?evil?=\r\n x",
  "{{name}}",
  "${name}",
  "%0d%0aBcc: y",
  "\t\tx",
];
const controls = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

describe("mail templates", () => {
  it.each(hostile)("T-011: %j becomes plain text and one line", (name) => {
    for (const locale of ["en", "de"] as const) {
      const message = factorNotice(engine, { to: "ada@example.com", locale, what: "passkey_added", name });
      expect(message.subject).not.toMatch(controls);
      expect(message.html).not.toMatch(/<(script|img|svg)|onerror=(?!.*&)|<a href='https:\/\/evil/i);
      expect(
        message.html
          .match(/<[a-z]+/g)
          ?.filter(
            (tag) => !["<!doctype", "<html", "<head", "<meta", "<title", "<body", "<div", "<p", "<a"].includes(tag),
          ),
      ).toEqual([]);
      expect(message.text.split("\n").some((line) => /^(Bcc|Subject|X-Evil):/.test(line))).toBe(false);
      expect(message.text.replaceAll("\n", "")).not.toMatch(controls);
    }
  });
  it("escapes all five characters and nothing else", () => {
    expect(escapeHtml(`<a href="x">&'</a>`)).toBe("&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;");
    expect(oneLine("  a \r\n\t b\u2028c ")).toBe("a b c");
  });
  it("holds link and code once each, in text and HTML, in both languages", () => {
    for (const locale of ["en", "de"] as const) {
      const token = "t".repeat(43);
      const message = signInMail(engine, { to: "ada@example.com", locale, linkToken: token, code: "012345" });
      expect(message.text.match(/012345/g)).toHaveLength(1);
      expect(message.text).toContain(`https://app.example.com/api/auth/v1/email/link?token=${token}`);
      expect(message.html).toContain(`lang="${locale}"`);
      expect(message.html.match(/012345/g)).toHaveLength(1);
      expect(message.html).not.toMatch(/<script|<img|https?:\/\/(?!app\.example\.com)/);
      expect(message.subject.length).toBeLessThan(80);
    }
    expect(addAddressMail(engine, { to: "a@b.co", locale: "en", code: "012345" }).text).not.toContain("token=");
    expect(noAccountMail(engine, { to: "a@b.co", locale: "de" }).text).toContain("kein Konto");
  });
  it("leaves out what is switched off", () => {
    const only = (signIn: object) => ({ ...engine, config: { ...engine.config, signIn } }) as unknown as Engine;
    const input = { to: "a@b.co", locale: "en", linkToken: "t".repeat(43), code: "012345" } as const;
    expect(signInMail(only({ emailLink: false, emailCode: true }), input).text).not.toContain("token=");
    expect(signInMail(only({ emailLink: true, emailCode: false }), input).text).not.toContain("012345");
  });
  it("has every sentence in both languages", () => {
    expect(Object.keys(texts.de).sort()).toEqual(Object.keys(texts.en).sort());
  });
  it("picks a language", () => {
    expect(pickLocale("de-CH")).toBe("de");
    expect(pickLocale(undefined, "fr;q=0.9, de-AT;q=0.8, en")).toBe("de");
    expect(pickLocale("fr", null)).toBe("en");
  });
});

describe("pages", () => {
  it("T-011: escape what they show, run nothing, fit into no frame", () => {
    for (const evil of hostile) {
      const page = confirmPage({ locale: "en", action: "/x", token: evil, app: evil });
      expect(page.html).not.toMatch(/<(script|img|svg)/i);
      expect(page.headers?.["Content-Security-Policy"]).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(page.headers?.["Content-Security-Policy"]).not.toContain("unsafe-inline");
    }
  });
  it("are readable by machines that read aloud", () => {
    const { html = "" } = codePage({ locale: "de", code: "012345" });
    expect(html).toContain('<html lang="de">');
    expect(html).toMatch(/<main><h1>/);
    expect(html).toContain('aria-label="0 1 2 3 4 5"');
    expect(html).toContain("prefers-color-scheme:dark");
    expect(html).toContain("width=device-width");
  });
});

describe("codes", () => {
  it("are spread evenly over six digits and follow from the link alone", () => {
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 20_000; index += 1) {
      const code = codeOf(`link ${index}`);
      expect(code).toMatch(/^\d{6}$/);
      const digit = Number(code[0]);
      buckets[digit] = (buckets[digit] ?? 0) + 1;
    }
    for (const count of buckets) expect(Math.abs(count - 2000)).toBeLessThan(250);
    expect(codeOf("a")).toBe(codeOf("a"));
    expect(codeOf("a")).not.toBe(codeOf("b"));
  });
});

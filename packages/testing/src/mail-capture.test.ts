import { describe, expect, it } from "vitest";
import { codeIn, createMailCapture, linkIn } from "./mail-capture.js";

const mail = (to: string, text: string) => ({ to, subject: "Sign in", text, html: `<p>${text}</p>` });

describe("mail capture", () => {
  it("gives each message to one reader, in order", async () => {
    const box = createMailCapture();
    await box.send(mail("Ada@example.com", "1"));
    await box.send(mail("ada@example.com", "2"));
    expect((await box.next("ada@example.com")).text).toBe("1");
    expect((await box.next("ada@example.com")).text).toBe("2");
    await expect(box.next("ada@example.com", { timeoutMs: 1 })).rejects.toThrow(/No mail/);
  });

  it("waits for mail that is still on its way", async () => {
    const box = createMailCapture();
    const code = box.nextCode("bob@example.com");
    await box.send(mail("eve@example.com", "Your code: 999999"));
    await box.send(mail("bob@example.com", "Your code: 123 456"));
    await expect(code).resolves.toBe("123456");
  });

  it("fails as often as told", async () => {
    const box = createMailCapture();
    box.failNext(new Error("greylisted"), 2);
    await expect(box.send(mail("a@example.com", "x"))).rejects.toThrow("greylisted");
    await expect(box.send(mail("a@example.com", "x"))).rejects.toThrow("greylisted");
    await box.send(mail("a@example.com", "x"));
    expect(box.messages).toHaveLength(1);
  });

  it("reads codes and links, not the digits inside a link", () => {
    const text = "Open https://app.example.com/x?token=123456789\nor type 0123 4567 within 10 minutes";
    expect(codeIn(mail("a@example.com", text))).toBe("01234567");
    expect(linkIn(mail("a@example.com", text))).toBe("https://app.example.com/x?token=123456789");
    expect(() => codeIn(mail("a@example.com", "nothing"))).toThrow(/no code/);
    expect(() => linkIn(mail("a@example.com", "https://app.example.com/"))).toThrow(/no link/);
  });
});

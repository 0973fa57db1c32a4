// Whose budget a mail or a guess counts in: docs/decisions/020.
import { afterEach, describe, expect, it } from "vitest";
import { openSite, type Site } from "../site.double.js";

const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});
async function open(): Promise<Site> {
  const site = await openSite({ rateLimit: true });
  sites.push(site);
  return site;
}
type Browser = ReturnType<Site["browser"]>;
const email = "ada@example.com";
const from = (network: number, host = 1) => ({ remoteAddress: `198.${18 + (network >> 8)}.${network & 255}.${host}` });
const ask = async (browser: Browser, to = email) => (await browser.call("/v1/email/start", { email: to })).status;
const wrong = (code: string) => (code === "000000" ? "000001" : "000000");

async function startMail(site: Site, browser: Browser, to = email) {
  const { status, body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email: to });
  await site.queue.drain();
  const text = site.mail.messages.findLast((sent) => sent.to === to && sent.text.includes("token="))?.text ?? "";
  const code = text.replace(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0] ?? "";
  return { status, attemptId: body.attemptId, code };
}
async function signIn(site: Site, browser: Browser, to = email): Promise<void> {
  const { attemptId, code } = await startMail(site, browser, to);
  expect((await browser.call("/v1/email/verify", { attemptId, code })).status).toBe(200);
}
/** A stranger in that many networks asks until every one of them is refused. @returns mails that went out */
async function flood(site: Site, networks: number): Promise<number> {
  let mails = 0;
  for (let network = 0; network < networks; network += 1) {
    const stranger = site.browser(from(network));
    while ((await ask(stranger)) === 202) mails += 1;
  }
  return mails;
}

describe("mails to one address", () => {
  it("T-098 T-108: a stranger, in however many networks, uses up no budget of a browser known to the address", async () => {
    const site = await open();
    const owner = site.browser(from(0));
    await signIn(site, owner);
    await owner.call("/v1/sign-out", {});
    site.clock.advance({ hours: 25 });
    expect(await flood(site, 30)).toBe(40);
    expect(await ask(site.browser(from(99)))).toBe(429);
    const { status, attemptId, code } = await startMail(site, owner);
    expect(status).toBe(202);
    await flood(site, 30);
    expect((await owner.call("/v1/email/verify", { attemptId, code })).status).toBe(200);
  });

  it("T-098 T-108: a stranger in one network holds up nobody in another, also not with a whole day's patience", async () => {
    const site = await open();
    let mails = 0;
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      for (let host = 1; host < 4; host += 1) if ((await ask(site.browser(from(7, host)))) === 202) mails += 1;
      site.clock.advance({ minutes: 5 });
    }
    expect(mails).toBeGreaterThanOrEqual(12);
    expect(mails).toBeLessThanOrEqual(24);
    expect(await ask(site.browser(from(8)))).toBe(202);
  });

  it("T-108: an address gets at most 40 mails at once from strangers, and 80 in any day", async () => {
    const site = await open();
    let mails = await flood(site, 30);
    expect(mails).toBe(40);
    for (let hour = 0; hour < 24; hour += 1) {
      site.clock.advance({ hours: 1 });
      mails += await flood(site, 30);
    }
    expect(mails).toBeLessThanOrEqual(80);
    await site.queue.drain();
    expect(site.mail.messages.filter(({ to }) => to === email)).toHaveLength(mails);
  });

  it("T-108: a known browser has bounds too, alone and together with the others", async () => {
    const site = await open();
    const browsers = Array.from({ length: 10 }, (_, index) => site.browser(from(index)));
    for (const browser of browsers) {
      await signIn(site, browser);
      await browser.call("/v1/sign-out", {});
    }
    site.clock.advance({ hours: 48 });
    const first = browsers[0];
    if (first === undefined) throw new Error("no browser");
    let mails = 0;
    while ((await ask(first)) === 202) mails += 1;
    expect(mails).toBe(5);
    for (const browser of browsers) while ((await ask(browser)) === 202) mails += 1;
    expect(mails).toBe(40);
  });

  it("T-034: the addresses of one IPv6 customer are one network", async () => {
    const site = await open();
    let mails = 0;
    for (let index = 0; index < 20; index += 1) {
      const remoteAddress = `2001:db8:7:${index.toString(16)}::${index + 1}`;
      if ((await ask(site.browser({ remoteAddress }))) === 202) mails += 1;
    }
    expect(mails).toBe(5);
  });

  it("a stranger's mail ends no attempt of the owner's browser; the owner's own next one does", async () => {
    const site = await open();
    const owner = site.browser(from(1));
    const first = await startMail(site, owner);
    const second = await startMail(site, owner);
    for (let index = 0; index < 4; index += 1) expect(await ask(site.browser(from(9, index)))).toBe(202);
    const old = await owner.call("/v1/email/verify", { attemptId: first.attemptId, code: first.code });
    expect(old.body).toMatchObject({ code: "attempt_expired" });
    expect((await owner.call("/v1/email/verify", { attemptId: second.attemptId, code: second.code })).status).toBe(200);
  });
});

describe("the cookie of a known browser", () => {
  const name = "__Host-segno.known";
  const cookieOf = (browser: Browser) => browser.cookies.get(name) ?? "";

  it("is strict, names nobody, outlives a sign-out and remembers four addresses", async () => {
    const site = await open();
    const browser = site.browser();
    const set: string[] = [];
    for (let index = 0; index < 6; index += 1) {
      const { attemptId, code } = await startMail(site, browser, `ada${index}@example.com`);
      const { headers } = await browser.call("/v1/email/verify", { attemptId, code });
      set.push(...headers.getSetCookie().filter((cookie) => cookie.includes(".known=")));
    }
    expect(set).toHaveLength(6);
    for (const cookie of set) {
      expect(cookie).toMatch(
        /^__Host-segno\.known=[\w-]{22}(\.[\w-]{43}){1,4}; Path=\/; Max-Age=15552000; HttpOnly; SameSite=Lax; Secure$/,
      );
    }
    await browser.call("/v1/sign-out", {});
    expect(cookieOf(browser).split(".")).toHaveLength(5);
    const dump = JSON.stringify(await site.store.db.selectFrom("segno_rate_limits").selectAll().execute());
    expect(dump).not.toMatch(/ada|198\.18/);
    expect(dump).not.toContain(cookieOf(browser).split(".")[0]);
  });

  it("helps with no other address, and not when it was made up, mixed or grown", async () => {
    const site = await open();
    const owner = site.browser(from(0));
    await signIn(site, owner);
    const thief = site.browser(from(1));
    await signIn(site, thief, "eve@example.com");
    const [ownId = "", ownMark = ""] = cookieOf(owner).split(".");
    const [eveId = "", eveMark = ""] = cookieOf(thief).split(".");
    site.clock.advance({ hours: 25 });
    await flood(site, 30);
    const made = "A".repeat(43);
    const forged = [
      `${eveId}.${eveMark}`,
      `${eveId}.${ownMark}`,
      `${ownId}.${eveMark}`,
      `${ownId}.${made}`,
      `${ownId}.${ownMark.slice(0, -1)}`,
      `${ownId}`,
      `${ownId}.${ownMark}.`,
      `${ownId}..${ownMark}`,
      [ownId, ownMark, made, made, made, made].join("."),
      "x".repeat(4_000),
    ];
    for (const [index, value] of forged.entries()) {
      const browser = site.browser(from(100 + index));
      browser.cookies.set(name, value);
      expect([value, await ask(browser)]).toEqual([value, 429]);
    }
    const twice = {
      headers: { cookie: `__Host-segno.known=${ownId}.${ownMark}; __Host-segno.known=${ownId}.${ownMark}` },
    };
    expect((await site.browser(from(200)).call("/v1/email/start", { email }, twice)).status).toBe(429);
    expect(await ask(owner)).toBe(202);
  });

  it("T-115: asking takes the same statements and gets the same answer for known and unknown addresses", async () => {
    const site = await open();
    const owner = site.browser(from(0));
    await signIn(site, owner);
    await owner.call("/v1/sign-out", {});
    const seen: string[] = [];
    for (const browser of [() => site.browser(from(50)), () => owner]) {
      for (const to of [email, "nobody@example.com"]) {
        const statements: string[] = [];
        const stop = site.trace((statement) => {
          if (!statement.includes("segno_mail") || statement.includes("InsertQueryNode")) statements.push(statement);
        });
        const { status, body, headers } = await browser().call("/v1/email/start", { email: to });
        stop();
        await site.queue.drain();
        seen.push(JSON.stringify([status, Object.keys(body), [...headers.keys()].sort(), statements]));
      }
    }
    expect(seen[0]).toContain("InsertQueryNode");
    expect(new Set(seen).size).toBe(1);
  });
});

describe("guesses at codes of one address", () => {
  it("T-098 T-095: a stranger's guesses use up no try of a known browser, which has a bound of its own", async () => {
    const site = await open();
    const owner = site.browser(from(0));
    await signIn(site, owner);
    await owner.call("/v1/sign-out", {});
    site.clock.advance({ hours: 25 });
    const guess = async (browser: Browser): Promise<string[]> => {
      const { attemptId, code } = await startMail(site, browser);
      const codes: string[] = [];
      for (let index = 0; index < 5; index += 1) {
        codes.push(String((await browser.call("/v1/email/verify", { attemptId, code: wrong(code) })).body.code));
      }
      return codes;
    };
    const strangers: string[] = [];
    for (let network = 1; network < 8; network += 1) strangers.push(...(await guess(site.browser(from(network)))));
    expect(strangers.filter((code) => code === "wrong_code")).toHaveLength(20);
    expect(strangers.at(-1)).toBe("rate_limited");
    const own: string[] = [];
    for (let round = 0; round < 4; round += 1) own.push(...(await guess(owner)));
    expect(own.filter((code) => code === "wrong_code")).toHaveLength(20);
    const { attemptId, code } = await startMail(site, owner);
    expect((await owner.call("/v1/email/verify", { attemptId, code })).body).toMatchObject({ code: "rate_limited" });
    site.clock.advance({ minutes: 3 });
    expect((await owner.call("/v1/email/verify", { attemptId, code })).status).toBe(200);
  });
});

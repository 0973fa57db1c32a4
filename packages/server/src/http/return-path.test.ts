import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listedOrigin, ownOrigin, plainPaths, redirectCorpus } from "../../test/redirect-corpus.js";
import { openSite, type Site } from "../authenticators/site.double.js";
import { safeReturnPath } from "./return-path.js";

const origins: readonly [string, ...string[]] = [ownOrigin, listedOrigin];
const absolute = plainPaths.flatMap((path) => [`${ownOrigin}${path}`, `${listedOrigin}${path}`]);
/** Where a browser on the sign-in page would go. */
const landingOf = (text: string) => URL.parse(text, `${ownOrigin}/sign-in`);

describe("places to return to, by the rules of the URL Standard", () => {
  it("T-038: has a corpus of several hundred cases", () => {
    expect(redirectCorpus.length).toBeGreaterThan(400);
    const elsewhere = redirectCorpus.filter((text) => !origins.includes(landingOf(text)?.origin ?? ""));
    expect(elsewhere.length).toBeGreaterThan(250);
  });

  it.each([...redirectCorpus, ...plainPaths, ...absolute])("T-038: %j leads to a listed origin or nowhere", (text) => {
    const landing = landingOf(text);
    const followed = safeReturnPath(text, origins);
    const isElsewhere = landing === null || !origins.includes(landing.origin);
    if (isElsewhere || landing.username !== "" || landing.password !== "") expect(followed).toBeUndefined();
    if (followed === undefined) return;
    const landed = landingOf(followed);
    expect(origins).toContain(landed?.origin);
    expect(landed?.href).toBe(landing?.href);
    // what goes into a Location header is one plain line, and no second reading of it starts a host
    expect(followed).toMatch(/^(?:https:\/\/other\.example\.com)?\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/);
  });

  it.each(redirectCorpus.filter((text) => /[\\\s\p{Cc}\p{Cf}\p{Cs}]/u.test(text)))(
    "T-038: %j is refused for what it is made of, wherever it would lead",
    (text) => {
      expect(safeReturnPath(text, origins)).toBeUndefined();
    },
  );

  it("follows every plain path, and a listed origin's as a whole", () => {
    for (const path of plainPaths) {
      expect(safeReturnPath(path, origins)).toBe(path);
      expect(safeReturnPath(`${ownOrigin}${path}`, origins)).toBe(path);
      expect(safeReturnPath(`${listedOrigin}${path}`, origins)).toBe(`${listedOrigin}${path}`);
      expect(safeReturnPath(`${listedOrigin}${path}`, [ownOrigin])).toBeUndefined();
    }
  });
});

describe("places to return to, over HTTP", () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site.close());

  it("T-038: a link leads to a path of the application, or no mail is sent", async () => {
    let followed = 0;
    for (const returnTo of [...redirectCorpus, ...plainPaths, `${listedOrigin}/a`]) {
      site.mail.clear();
      const browser = site.browser();
      const { status } = await browser.call("/v1/email/start", { email: "ada@example.com", returnTo });
      await site.queue.drain();
      if (status !== 202) {
        expect([status, site.mail.messages.length], returnTo).toEqual([400, 0]);
        continue;
      }
      followed += 1;
      const token = new URL(await site.mail.nextLink("ada@example.com")).searchParams.get("token") ?? "";
      const answer = await browser.fetch("/api/auth/v1/email/link", {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ token }).toString(),
      });
      expect(answer.status).toBe(303);
      const location = answer.headers.get("location") ?? "";
      expect(location, returnTo).toMatch(/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/);
      expect(URL.parse(location, ownOrigin)?.origin).toBe(ownOrigin);
      expect(URL.parse(location, ownOrigin)?.href).toBe(landingOf(returnTo)?.href);
    }
    expect(followed).toBeGreaterThanOrEqual(plainPaths.length);
  });
});

// Places to return to, made from the rules of the URL Standard (https://url.spec.whatwg.org): one section for each rule
// by which a text that looks like a path, or like our origin, can land elsewhere.

export const ownOrigin = "https://app.example.com";
export const listedOrigin = "https://other.example.com";
const own = "app.example.com";
const evil = "evil.example";

/** Paths of the application as people use them: all of them are followed. */
export const plainPaths: readonly string[] = [
  "/",
  "/account",
  "/a/b/c",
  "/a/b/?c=d&e=f#g",
  "/search?q=1+2%203",
  "/orders/2026-01?page=2",
  "/~ada/_x-y.z",
  "/a?next=/b",
  "/a?u=https://evil.example/",
  "/a#https://evil.example/",
  "/a;v=1/b,c",
  "/@ada",
  "/a:b",
  "/%C3%A4",
  "/a//b",
];

/** Section 4.4, "basic URL parser": leading and trailing C0 controls and spaces fall off; tab, LF and CR fall out anywhere. */
function trimmed(): string[] {
  const marks = ["\t", "\n", "\r", " ", "\u0000", "\u0001", "\u000b", "\u000c", "\u001f", "\r\n", "\u007f", "\u00a0"];
  const targets = [`//${evil}`, `https://${evil}/`, "javascript:alert(1)"];
  return marks.flatMap((mark) => [
    ...targets.flatMap((target) => [`${mark}${target}`, `${target}${mark}`]),
    `/${mark}/${evil}`,
    `${mark}/${mark}/${evil}`,
    `ht${mark}tps://${evil}/`,
    `https:${mark}//${evil}/`,
    `https:/${mark}/${evil}/`,
    `java${mark}script:alert(1)`,
    `/${mark}\\${evil}`,
  ]);
}

/** "Special authority slashes" states: of a special scheme any run of `/` and `\` is an authority, also none after a scheme. */
function slashes(): string[] {
  const runs = ["/", "\\"].flatMap((a) => ["", "/", "\\"].flatMap((b) => ["", "/", "\\"].map((c) => a + b + c)));
  const schemes = ["", "https:", "HTTPS:", "hTTps:", "http:", "ws:", "wss:", "ftp:", "file:"];
  const full = schemes.flatMap((scheme) => [...runs, ""].map((run) => `${scheme}${run}${evil}`));
  return [
    ...full.filter((text) => text !== evil && text !== `/${evil}`),
    `////${evil}`,
    `/////${evil}/a`,
    `\\\\\\${evil}`,
  ];
}

/** "Authority" state: what stands before the last `@` is user info, whatever it looks like. */
function userInfo(): string[] {
  const infos = [own, `${own}:443`, "user", "user:pw", ":pw", ":", "", "a@b", "%40", `${own}%2f`, `${own}%5c`, "[::1]"];
  return infos.flatMap((info) => [`https://${info}@${evil}/`, `//${info}@${evil}/`, `https://${info}@${own}/`]);
}

/** "Host parser": percent-decoding, then IDNA, then IPv4 spelled by numbers. */
function hosts(): string[] {
  const spelled = [
    `${own}.`,
    `${own}..`,
    `${own}.${evil}`,
    `${own}-${evil}`,
    `x${own}`,
    `x.${own}`,
    "example.com",
    "app.example.co",
    "app.example.comx",
    `${own}%2e${evil}`,
    `${own}%00.${evil}`,
    `${own}%23.${evil}`,
    `${own}%3f.${evil}`,
    `${own}%40${evil}`,
    `evil%2eexample`,
    `%65vil.example`,
    "evil\u3002example",
    "evil\uff0eexample",
    "evil\uff61example",
    "\uff45\uff56\uff49\uff4c.example",
    "ev\u00adil.example",
    "ev\u200dil.example",
    "ev\u200bil.example",
    "\u0430pp.example.com",
    "app.ex\u0430mple.com",
    "xn--pp-6kc.example.com",
    "app\u2024example.com",
    `${own}\uff0f.${evil}`,
    `${own}\u2044.${evil}`,
    `${own}\uff1f.${evil}`,
    `${own}\uff03.${evil}`,
    `${own}\uff20${evil}`,
    `${own}\u2488${evil}`,
    "127.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "127.1",
    "0",
    "[::1]",
    "[::ffff:7f00:1]",
    "[::1",
    "localhost",
    "",
    ".",
    "*",
    `${own},${evil}`,
    `${own};${evil}`,
    `${own}&${evil}`,
    `${own}\\.${evil}`,
    `${own}\\@${evil}`,
    `${evil}\\@${own}`,
    `${evil}#@${own}`,
    `${evil}?@${own}`,
    `${evil}/@${own}`,
  ];
  return spelled.flatMap((host) => [`https://${host}/`, `//${host}/`]);
}

/** "Port" state. */
function ports(): string[] {
  const list = [
    ":80",
    ":444",
    ":8443",
    ":0444",
    ":65536",
    ":-1",
    ":443x",
    ":443@evil.example",
    ":\u0661",
    ":%34%34%33",
  ];
  return list.map((port) => `https://${own}${port}/`);
}

/** "Path" state: a single- or double-dot segment, however encoded, can bring two slashes to the front. */
function dotSegments(): string[] {
  const dots = [".", "..", "%2e", "%2E", ".%2e", "%2e.", "%2e%2E", "%2E%2e"];
  return dots.flatMap((dot) => [
    `/${dot}//${evil}`,
    `/${dot}/${dot}//${evil}`,
    `/a/${dot}//${evil}`,
    `/a/../${dot}//${evil}`,
    `/${dot}/\\${evil}`,
    `/${dot}\\/${evil}`,
    `https://${own}/${dot}//${evil}`,
    `${dot}//${evil}`,
    `${dot}/a`,
  ]);
}

/** Schemes that are not the web's, in the spellings a parser takes. */
function schemes(): string[] {
  const names = [
    "javascript",
    "JaVaScRiPt",
    "data",
    "vbscript",
    "blob",
    "about",
    "view-source",
    "mailto",
    "intent",
    "app",
  ];
  return names.flatMap((name) => [
    `${name}:alert(1)`,
    `${name}://${own}/%0aalert(1)`,
    `${name}:https://${own}/`,
    `${name}:/a`,
    `/${name}:alert(1)//\\${evil}`,
  ]);
}

/** "No scheme" and "relative" states: what is no path of its own takes over the base. */
function relatives(): string[] {
  return [
    "",
    "a",
    "a/b",
    "?a",
    "#a",
    ".",
    "..",
    "./a",
    "../a",
    ":",
    ":a",
    "::",
    "https",
    "https:",
    "https:a",
    "%2f%2fevil.example",
  ];
}

/** What a header or a page would read differently from the parser. */
function injections(): string[] {
  const breaks = ["\r\n", "\n", "\r", "\u2028", "\u2029", "\u0085", "\u0000"];
  const unseen = ["\u200b", "\u200e", "\u202e", "\u2066", "\ufeff", "\u00ad", "\ud800"];
  return [
    ...breaks.map((mark) => `/a${mark}Set-Cookie: x=y`),
    ...unseen.flatMap((mark) => [`/a${mark}b`, `/${mark}/${evil}`, `${mark}//${evil}`]),
    `/${"a".repeat(3_000)}`,
    `https://${own}/${"a".repeat(3_000)}`,
  ];
}

/** A few hundred texts, none of which may lead to another origin. */
export const redirectCorpus: readonly string[] = [
  ...new Set([
    ...trimmed(),
    ...slashes(),
    ...userInfo(),
    ...hosts(),
    ...ports(),
    ...dotSegments(),
    ...schemes(),
    ...relatives(),
    ...injections(),
  ]),
];

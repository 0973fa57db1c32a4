import { encodeBase64Url } from "@segno/core";
import type { Engine } from "../engine.js";
import type { RouteContext } from "../http/route.js";

const purpose = "browser.known";
/** People share a browser, and some have several addresses; an older one gives way. */
const maxAddresses = 4;
const shape = /^[A-Za-z0-9_-]{22}(?:\.[A-Za-z0-9_-]{43}){1,4}$/;

/**
 * A number for this browser when it has signed in to the address before, on the word of its signed cookie. It decides
 * which budget counts, and nothing else: it is no proof of who is asking.
 * @param email a normalised address
 */
export function knownBrowserOf(engine: Engine, context: RouteContext<unknown>, email: string): string | undefined {
  const { id, marks } = readMarks(context);
  let isKnown = false;
  // every mark is compared, whichever fits: the time tells nothing
  for (const mark of marks) if (engine.secrets.matches(purpose, `${id}\n${email}`, mark)) isKnown = true;
  return isKnown ? id : undefined;
}

/** After a sign-in was committed: this browser is known for the address from now on. The cookie names nobody. */
export function rememberBrowser(engine: Engine, context: RouteContext<unknown>, email: string): void {
  const { id = encodeBase64Url(engine.random.bytes(16)), marks } = readMarks(context);
  const others = marks.filter((mark) => !engine.secrets.matches(purpose, `${id}\n${email}`, mark));
  const newest = engine.secrets.mac(purpose, `${id}\n${email}`);
  context.cookies.setKnown([id, newest, ...others.slice(0, maxAddresses - 1)].join("."));
}

/**
 * A pseudonym of the browser, for events: the same as long as it keeps its cookie, and nothing that the cookie could be made
 * of. Undefined for a browser that never signed in here. On the browser's word: it tells devices apart, and proves nothing.
 */
export function deviceIdOf(
  engine: Pick<Engine, "secrets">,
  cookies: RouteContext<unknown>["cookies"],
): string | undefined {
  const { id } = readMarks({ cookies });
  // the oldest secret: the pseudonym outlives the next rotation
  return id === undefined ? undefined : engine.secrets.macs("device.id", id).at(-1)?.slice(0, 22);
}

function readMarks(context: Pick<RouteContext<unknown>, "cookies">): {
  readonly id?: string;
  readonly marks: readonly string[];
} {
  const value = context.cookies.known();
  if (value === undefined || !shape.test(value)) return { marks: [] };
  const [id = "", ...marks] = value.split(".");
  return { id, marks };
}

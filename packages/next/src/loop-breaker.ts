import { type NextRequest, NextResponse } from "next/server.js";

const cookieName = "segno.hops";
const windowSeconds = 10;
const maxHops = 5;

/**
 * Counts how often a browser is sent to the sign-in page within seconds. A person does not sign in five times in ten
 * seconds; a loop of redirects does. It ends in a page that says what to do.
 */
export function breakLoop(request: NextRequest, signInUrl: string, pass: () => NextResponse): NextResponse {
  if (!request.nextUrl.searchParams.has("returnTo")) return pass();
  const counted = Number(request.cookies.get(cookieName)?.value);
  const hops = (Number.isInteger(counted) && counted > 0 ? counted : 0) + 1;
  const response = hops > maxHops ? errorPage(signInUrl) : pass();
  response.cookies.set(cookieName, String(hops), {
    path: request.nextUrl.pathname,
    maxAge: hops > maxHops ? 0 : windowSeconds,
    httpOnly: true,
    sameSite: "lax",
  });
  return response;
}

function errorPage(signInUrl: string): NextResponse {
  const href = signInUrl.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign-in keeps starting over</title>
<main style="font:1.1rem/1.5 system-ui;max-width:34rem;margin:4rem auto;padding:0 1rem">
<h1>Sign-in keeps starting over</h1>
<p>This page sent you to sign in several times in a row. Your browser may be blocking cookies for this site.</p>
<p>Allow cookies for this site, then <a href="${href}">sign in again</a>. If that does not help, tell the people who run it:
a page asks for more than signing in can give.</p>
</main>
</html>`;
  const headers = { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" };
  return new NextResponse(html, { status: 508, headers });
}

import { allExcept, createSegnoProxy } from "@segno/next/proxy";

// An early look at the cookie. Every page and route below checks for itself.
export const proxy = createSegnoProxy({ protect: allExcept(["/", "/mailbox"]) });

export const config = { matcher: ["/((?!_next/static|_next/image|favicon.ico).*)"] };

import { createNextSegno } from "@segno/next/server";
import { createSegno, type Segno } from "@segno/server";

/** Next loads this module more than once (pages, route handlers, every hot reload): the engine is made once. */
const shared = globalThis as { segno?: Segno };

/** A demonstration on this machine needs no settings. With SEGNO_URL it is a real site, and says what else it needs. */
export const segno = (): Segno => {
  shared.segno ??= createSegno({
    baseUrl: process.env.SEGNO_URL ?? `http://localhost:${process.env.PORT ?? 3000}`,
    production: process.env.SEGNO_URL !== undefined,
    tokens: { scopes: ["orders:read"] },
  });
  return shared.segno;
};

export const { auth, currentUser, getInitialSession, handlers } = createNextSegno(segno);

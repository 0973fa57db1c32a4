import { createNextSegno } from "@segno/next/server";
import { createSegno } from "@segno/server";

export const { auth, currentUser, handlers, proxy } = createNextSegno(
  createSegno({ baseUrl: "http://localhost:3000", production: false }),
);

import { createSegno } from "@segno/server";

export const segno = createSegno({
  secret: "1:an-example-secret-of-more-than-32-characters",
  database: "./segno.db",
  production: false,
});

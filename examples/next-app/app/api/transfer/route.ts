import { auth } from "../../../segno";

// Asks for a passkey used in the last five minutes.
export const POST = auth.protect({ acr: "phr", maxAgeSeconds: 300, fresh: true }, (_request, session) => {
  return Response.json({ done: true, by: session.acr });
});

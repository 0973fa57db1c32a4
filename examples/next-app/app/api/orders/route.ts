import { auth } from "../../../segno";

// Answers the access token or the session cookie; 401 or 403 with a challenge to everybody else.
export const GET = auth.protect({ scope: "orders:read" }, (_request, session) => {
  const orders = [
    { id: 1, what: "A treble clef", price: 12 },
    { id: 2, what: "A metronome", price: 30 },
  ];
  return Response.json({ orders, by: session.via });
});

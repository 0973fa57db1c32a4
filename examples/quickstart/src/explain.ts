import type { SessionView } from "@segno/client";

const assurance: Record<string, string> = {
  aal1: "one factor (a mailed code or link)",
  phr: "a phishing-resistant passkey",
  phrh: "a phishing-resistant passkey that cannot leave its device",
};

export function explainSession(session: SessionView | null): readonly string[] {
  if (session === null) return ["Nobody is signed in."];
  return [
    `This browser is known as “${session.deviceName}”.`,
    `You proved who you are with ${assurance[session.acr] ?? session.acr} at ${new Date(session.authTime).toLocaleTimeString()}.`,
    `Unused, the session ends on ${new Date(session.expiresAt).toLocaleString()}.`,
  ];
}

/** Reads the payload for display only: nothing here is a check. */
export function explainToken(token: string): readonly string[] {
  const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const claims: Record<string, unknown> = JSON.parse(atob(payload));
  return [
    `${String(claims.iss)} says so (iss), to ${String(claims.aud)} (aud).`,
    `It is about user ${String(claims.sub)} (sub) in session ${String(claims.sid)} (sid).`,
    `It ends ${Number(claims.exp) - Number(claims.iat)} seconds after it was issued (exp).`,
    `It may be used for: ${String(claims.scope) || "nothing in particular"} (scope).`,
    claims.cnf === undefined ? "Whoever holds it can use it." : "Only this browser's key can use it (cnf, DPoP).",
  ];
}

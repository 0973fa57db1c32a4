import { auth } from "../../segno";

/** A page that wants a passkey used in the last five minutes. Without one, the sign-in page asks for it and leads back. */
export default async function Payments() {
  const session = await auth.protect({ acr: "phr", maxAgeSeconds: 300 });
  return (
    <>
      <h1>Payments</h1>
      <p>Confirmed with assurance {session.acr}.</p>
    </>
  );
}

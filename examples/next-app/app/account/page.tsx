import { Security } from "@segno/next/client";
import { auth } from "../../segno";

export default async function Account() {
  const session = await auth.protect();
  return (
    <>
      <h1>Account</h1>
      <p>Signed in with assurance {session.acr}.</p>
      <Security />
    </>
  );
}

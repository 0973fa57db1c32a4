import Link from "next/link";
import { currentUser } from "../segno";

export default async function Home() {
  const user = await currentUser();
  if (user === null) {
    return (
      <>
        <h1>Hello</h1>
        <p>
          You are not signed in. <Link href="/sign-in">Sign in or create an account</Link> with a passkey, or with a
          link or code by email: the mail arrives in the <Link href="/mailbox">mailbox</Link>.
        </p>
      </>
    );
  }
  return (
    <>
      <h1>Hello, {user.displayName ?? "you"}</h1>
      <p>
        You are signed in. See your <Link href="/account">passkeys and sessions</Link>, or{" "}
        <Link href="/orders">call an API with an access token</Link>.
      </p>
    </>
  );
}

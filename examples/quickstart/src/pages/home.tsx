import { Show, useUser } from "@segno/react";
import type { ReactNode } from "react";
import { Link } from "../navigation.tsx";

export function Home(): ReactNode {
  const user = useUser();
  return (
    <>
      <h1>{user === null ? "Hello" : `Hello, ${user.displayName ?? "you"}`}</h1>
      <Show
        when="signed-in"
        fallback={
          <p>
            You are not signed in. <Link to="/sign-in">Sign in or create an account</Link> with a passkey, or with a
            link or code by email: the mail arrives in the development panel below.
          </p>
        }
      >
        <p>
          You are signed in. See your <Link to="/account">passkeys and sessions</Link>, or{" "}
          <Link to="/orders">call an API with an access token</Link>.
        </p>
      </Show>
    </>
  );
}

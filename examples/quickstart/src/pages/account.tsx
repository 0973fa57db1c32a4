import { Security, Show } from "@segno/react";
import type { ReactNode } from "react";
import { Link } from "../navigation.tsx";

export function Account(): ReactNode {
  return (
    <>
      <h1>Account</h1>
      <Show when="signed-in" fallback={<Link to="/sign-in">Sign in to see your account</Link>}>
        <Security />
      </Show>
    </>
  );
}

import { SignIn } from "@segno/react";
import { currentUser } from "../segno";

export const dynamic = "force-dynamic";

export default async function Page() {
  const user = await currentUser();
  return user === null ? <SignIn /> : <p>Hello {user.displayName}</p>;
}

"use client";
import { SignIn } from "@segno/next/client";
import { useRouter } from "next/navigation";

export function SignInForm({ returnTo }: { returnTo: string }) {
  const router = useRouter();
  return (
    <SignIn
      returnTo={returnTo}
      onSignedIn={() => {
        router.replace(returnTo);
        router.refresh(); // the server now knows who it renders for
      }}
    />
  );
}

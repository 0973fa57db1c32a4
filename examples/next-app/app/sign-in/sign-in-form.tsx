"use client";
import { SignIn, type SignInProps } from "@segno/next/client";
import { useRouter } from "next/navigation";

/** Signs in, or confirms who is signed in already where the page they come from asks for more. */
export function SignInForm({ returnTo, requirement }: { returnTo: string } & Pick<SignInProps, "requirement">) {
  const router = useRouter();
  return (
    <SignIn
      returnTo={returnTo}
      requirement={requirement}
      onSignedIn={() => {
        router.replace(returnTo);
        router.refresh(); // the server now knows who it renders for
      }}
    />
  );
}

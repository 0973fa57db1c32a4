import { safeReturnTo, stepUpRequirement } from "@segno/next/server";
import { SignInForm } from "./sign-in-form";

export default async function SignInPage({ searchParams }: PageProps<"/sign-in">) {
  const params = await searchParams;
  return (
    <>
      <h1>Welcome</h1>
      <SignInForm returnTo={safeReturnTo(params.returnTo)} requirement={stepUpRequirement(params)} />
    </>
  );
}

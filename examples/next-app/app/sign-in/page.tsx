import { safeReturnTo } from "@segno/next/server";
import { SignInForm } from "./sign-in-form";

export default async function SignInPage({ searchParams }: PageProps<"/sign-in">) {
  const { returnTo } = await searchParams;
  return <SignInForm returnTo={safeReturnTo(returnTo)} />;
}

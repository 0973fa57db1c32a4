"use client";
import { Show, useAuth } from "@segno/next/client";
import Link from "next/link";
import { useRouter } from "next/navigation";

export function Navigation() {
  const { signOut } = useAuth();
  const router = useRouter();
  return (
    <nav aria-label="Pages">
      <Link href="/orders">Orders</Link>
      <Show when="signed-in" fallback={<Link href="/sign-in">Sign in</Link>}>
        <Link href="/payments">Payments</Link>
        <Link href="/account">Account</Link>
        <button
          type="button"
          onClick={async () => {
            await signOut();
            router.push("/");
            router.refresh(); // what the server rendered for this person is gone
          }}
        >
          Sign out
        </button>
      </Show>
    </nav>
  );
}

import type { SegnoClient } from "@segno/client";
import { Show, SignIn, useAuth } from "@segno/react";
import type { ReactNode } from "react";
import { DevelopmentPanel } from "./development-panel.tsx";
import { Link, navigate, usePath } from "./navigation.tsx";
import { Account } from "./pages/account.tsx";
import { Home } from "./pages/home.tsx";
import { Orders } from "./pages/orders.tsx";

export function App({ client }: { client: SegnoClient }): ReactNode {
  const path = usePath();
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <Link to="/">Segno quickstart</Link>
        <nav aria-label="Pages">
          <Link to="/orders">Orders</Link>
          <Show when="signed-in" fallback={<Link to="/sign-in">Sign in</Link>}>
            <Link to="/account">Account</Link>
            <SignOut />
          </Show>
        </nav>
      </header>
      <main id="main" tabIndex={-1}>
        <Page path={path} client={client} />
      </main>
      <DevelopmentPanel client={client} />
    </>
  );
}

function Page({ path, client }: { path: string; client: SegnoClient }): ReactNode {
  if (path === "/sign-in") {
    return (
      <>
        <h1>Welcome</h1>
        <SignIn onSignedIn={() => navigate("/account")} />
      </>
    );
  }
  if (path === "/account") return <Account />;
  if (path === "/orders") return <Orders client={client} />;
  return <Home />;
}

function SignOut(): ReactNode {
  const { signOut } = useAuth();
  return (
    <button
      type="button"
      onClick={async () => {
        await signOut();
        navigate("/");
      }}
    >
      Sign out
    </button>
  );
}

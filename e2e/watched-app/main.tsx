import { type ClientSpan, createSegnoClient } from "@segno/client";
import { SegnoProvider, Show, SignIn, useAuth, useUser } from "@segno/react";
import { germanMessages } from "@segno/react/messages";
import "@segno/react/styles.css";
import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./page.css";

declare global {
  /** What `onSpan` was told, for the tests. */
  var spans: ClientSpan[];
}
globalThis.spans = [];

const isGerman = new URLSearchParams(location.search).get("language") === "de";
document.documentElement.lang = isGerman ? "de" : "en";
const client = createSegnoClient({ onSpan: (span) => void spans.push(span) });

/** Many apps go to another page at once. */
const next = new URLSearchParams(location.search).get("next");
const leave = () => {
  if (next === "elsewhere") location.assign("/elsewhere");
};

/** The sign-in screen, and what becomes of it. */
function Page(): ReactNode {
  const user = useUser();
  const { signOut } = useAuth();
  return (
    <main>
      <h1>{isGerman ? "Willkommen" : "Welcome"}</h1>
      <Show when="signed-in" fallback={<SignIn onSignedIn={leave} />}>
        <p>You are {user?.email ?? user?.displayName ?? "here"}.</p>
        <p>
          <button type="button" onClick={() => void client.getToken()}>
            Get a token
          </button>{" "}
          <button type="button" onClick={() => void signOut()}>
            Sign out
          </button>
        </p>
      </Show>
    </main>
  );
}

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <SegnoProvider client={client} messages={isGerman ? germanMessages : {}}>
      <Page />
    </SegnoProvider>
  </StrictMode>,
);

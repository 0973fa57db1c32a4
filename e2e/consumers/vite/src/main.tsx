import { createSegnoClient } from "@segno/client";
import { Security, SegnoProvider, Show, SignIn, useUser } from "@segno/react";
import "@segno/react/styles.css";
import { createRoot } from "react-dom/client";

const client = createSegnoClient();

function Hello() {
  const user = useUser();
  return <p>Hello {JSON.stringify(user)}</p>;
}

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <SegnoProvider client={client}>
    <Show when="signed-in" fallback={<SignIn />}>
      <Hello />
      <Security />
    </Show>
  </SegnoProvider>,
);

import { createSegnoClient } from "@segno/client";
import { SegnoProvider } from "@segno/react";
import "@segno/react/styles.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import "./quickstart.css";

const client = createSegnoClient({ dpop: true });
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <SegnoProvider client={client}>
      <App client={client} />
    </SegnoProvider>
  </StrictMode>,
);

"use client";
import { createSegnoClient } from "@segno/client";
import { SegnoProvider } from "@segno/react";
import { type ReactNode, useState } from "react";

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(() => createSegnoClient());
  return <SegnoProvider client={client}>{children}</SegnoProvider>;
}

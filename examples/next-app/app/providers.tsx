"use client";
import { createSegnoClient } from "@segno/client";
import { SegnoProvider, type SegnoProviderProps } from "@segno/next/client";

export const client = createSegnoClient();

/** The seed comes from the server, so that the page needs no session request. */
export function Providers(props: Pick<SegnoProviderProps, "initialSession" | "children">) {
  return <SegnoProvider client={client} {...props} />;
}

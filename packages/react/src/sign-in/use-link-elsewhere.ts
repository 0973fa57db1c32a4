import { useEffect } from "react";
import { useSegno } from "../context.js";

/** The link of a mail counts for the whole browser: look again when the person comes back to this tab. */
export function useLinkElsewhere({ status }: { readonly status: string }): void {
  const { client } = useSegno();
  useEffect(() => {
    if (status !== "awaiting_code") return;
    const onVisible = () => document.visibilityState === "visible" && void client.session.refresh();
    document.addEventListener("visibilitychange", onVisible);
    return () => document.removeEventListener("visibilitychange", onVisible);
  }, [status, client]);
}

import { type ReactNode, useSyncExternalStore } from "react";

const changed = "quickstart:path";

export function navigate(path: string): void {
  history.pushState(null, "", path);
  dispatchEvent(new Event(changed));
  document.getElementById("main")?.focus();
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

export function Link({ to, children }: { to: string; children: ReactNode }): ReactNode {
  const isHere = usePath() === to;
  return (
    <a
      href={to}
      aria-current={isHere ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </a>
  );
}

function subscribe(listener: () => void): () => void {
  addEventListener(changed, listener);
  addEventListener("popstate", listener);
  return () => {
    removeEventListener(changed, listener);
    removeEventListener("popstate", listener);
  };
}

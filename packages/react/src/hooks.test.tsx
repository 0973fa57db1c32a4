// @vitest-environment jsdom
import type { SessionSnapshot } from "@segno/client";
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Auth, SegnoProvider, Show, useAuth, useSession, useUser } from "./index.js";
import { createService, settle } from "./react.double.js";
import { TestSegnoProvider, testSession } from "./testing.js";

afterEach(cleanup);

function Who() {
  const { status } = useSession();
  const user = useUser();
  return (
    <p>
      {status} {user?.id}
    </p>
  );
}

describe("session", () => {
  it("one request per page load, for any number of hooks, in strict mode, through unmounts", async () => {
    const service = createService(testSession());
    const client = service.connect();
    const page = (
      <StrictMode>
        <SegnoProvider client={client}>
          <Who />
          <Who />
          <Show when="signed-in">in</Show>
        </SegnoProvider>
      </StrictMode>
    );
    const first = render(page);
    expect(screen.getAllByText("loading")).toHaveLength(2);
    await settle();
    first.unmount();
    render(page);
    expect(screen.getAllByText("signed_in user-1")).toHaveLength(2);
    expect(service.seen).toEqual(["GET /v1/session"]);
  });

  it("no request and no flicker with a session from the server", async () => {
    const service = createService(testSession());
    const states: string[] = [];
    function Spy() {
      states.push(useSession().status);
      return null;
    }
    render(
      <SegnoProvider client={service.connect()} initialSession={testSession()}>
        <Spy />
      </SegnoProvider>,
    );
    await settle();
    expect(new Set(states)).toEqual(new Set(["signed_in"]));
    expect(service.seen).toEqual([]);
  });

  it("T-044: a server that renders for two people with one client shows each only themselves", () => {
    vi.stubGlobal("window", undefined);
    const client = createService().connect();
    const page = (session: SessionSnapshot | null | undefined) =>
      renderToString(
        <SegnoProvider
          client={client}
          stepUpDialog={false}
          {...(session === undefined ? {} : { initialSession: session })}
        >
          <Who />
        </SegnoProvider>,
      );
    expect(page(testSession({ id: "ada" }))).toContain("ada");
    expect(page(testSession({ id: "bob" }))).toContain("bob");
    expect(page(null)).toContain("signed_out");
    expect(page(undefined)).toContain("loading");
    expect(client.session.get().status).toBe("loading");
    vi.unstubAllGlobals();
  });
});

describe("Show and has", () => {
  it("shows nothing until it knows, then the one or the other", async () => {
    const service = createService(null);
    render(
      <SegnoProvider client={service.connect()}>
        <Show when="signed-in" fallback="please sign in">
          secret
        </Show>
        <Show when="signed-out">welcome</Show>
      </SegnoProvider>,
    );
    expect(document.body.textContent).toBe("");
    await settle();
    expect(document.body.textContent).toBe("please sign inwelcome");
  });

  it("weighs assurance and age; what it does not know does not hold", () => {
    let auth: Auth | undefined;
    function Spy() {
      auth = useAuth();
      return null;
    }
    render(
      <TestSegnoProvider session={{ acr: "phr" }}>
        <Spy />
      </TestSegnoProvider>,
    );
    expect(auth).toMatchObject({ isLoaded: true, isSignedIn: true, userId: "user-1" });
    expect(auth?.has({ acr: "aal1" })).toBe(true);
    expect(auth?.has({ acr: "phrh" })).toBe(false);
    expect(auth?.has({ acr: "unheard-of" })).toBe(false);
    expect(auth?.has({ maxAgeSeconds: 60 })).toBe(false);
    expect(auth?.has({ scope: "orders:read" })).toBe(false);
  });

  it("finds the scopes out once they are asked for", async () => {
    const token = `e30.${btoa(JSON.stringify({ sid: "session-of-user-1", iat: 1, scope: "orders:read orders:write" }))}.x`;
    const service = createService(testSession());
    service.reply("POST /v1/session/token", {
      accessToken: token,
      tokenType: "Bearer",
      expiresInSeconds: 300,
      scope: "",
    });
    render(
      <SegnoProvider client={service.connect()} initialSession={testSession()}>
        <Show when={{ scope: "orders:read" }}>orders</Show>
        <Show when={{ scope: "admin" }} fallback="no admin">
          admin
        </Show>
      </SegnoProvider>,
    );
    await waitFor(() => expect(document.body.textContent).toBe("ordersno admin"));
    expect(service.seen).toEqual(["POST /v1/session/token"]);
  });

  it("says what is missing when there is no provider", () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect(() => render(<Who />)).toThrow(/SegnoProvider/);
    quiet.mockRestore();
  });
});

it("TestSegnoProvider gives a session and no network", async () => {
  render(
    <TestSegnoProvider session={null}>
      <Who />
    </TestSegnoProvider>,
  );
  await settle();
  expect(document.body.textContent).toBe("signed_out ");
});

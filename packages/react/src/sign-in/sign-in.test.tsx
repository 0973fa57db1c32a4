// @vitest-environment jsdom
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SegnoProvider, Show, SignIn, type SignInProps } from "../index.js";
import { germanMessages } from "../messages.js";
import { createService, problem, settle } from "../react.double.js";
import { testSession } from "../testing.js";

const get = vi.fn<(options: CredentialRequestOptions) => Promise<Credential | null>>();

beforeEach(() => {
  get.mockReset();
  vi.stubGlobal("PublicKeyCredential", () => undefined);
  Object.defineProperty(navigator, "credentials", { configurable: true, value: { get, create: vi.fn() } });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function open(props: SignInProps & { german?: boolean; dir?: "rtl" } = {}) {
  const { german, dir, ...rest } = props;
  const service = createService();
  service.reply("POST /v1/email/start", { attemptId: "m1", expiresInSeconds: 600, codeLength: 6 });
  service.reply("POST /v1/email/verify", ({ code }: { code?: unknown }) => {
    if (code !== "123456") return problem(400, "wrong_code", "after_correction");
    service.signIn(testSession());
    return Response.json({ status: "signed_in", isNewUser: false, ...testSession() });
  });
  service.reply("POST /v1/passkeys/sign-in/options", { attemptId: "a1", publicKey: { challenge: "AAAA" } });
  const client = service.connect();
  const view = render(
    <SegnoProvider client={client} {...(german ? { messages: germanMessages } : {})} {...(dir ? { dir } : {})}>
      <SignIn {...rest} />
    </SegnoProvider>,
  );
  await settle();
  return { service, client, view };
}

async function click(name: RegExp) {
  fireEvent.click(screen.getByRole("button", { name }));
  await settle();
}

async function type(label: RegExp, value: string) {
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
  await settle();
}

async function violations(): Promise<string[]> {
  const { violations: found } = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join()}`);
}

const cancelled = () => Promise.reject(Object.assign(new Error("closed"), { name: "NotAllowedError" }));

describe("SignIn", () => {
  it("R064: names, roles and autofill hints are right at every step", async () => {
    await open();
    const email = screen.getByLabelText<HTMLInputElement>(/Email/);
    expect(email.getAttribute("autocomplete")).toBe("username webauthn");
    expect(email.type).toBe("email");
    expect(await violations()).toEqual([]);
    await click(/New here/);
    expect(screen.getByRole("heading").textContent).toBe("Create an account");
    expect(screen.getByLabelText(/Name/).getAttribute("autocomplete")).toBe("name");
    expect(await violations()).toEqual([]);
    await type(/Email/, "ada@example.com");
    await click(/Continue with email/);
    const code = screen.getByLabelText("Code");
    expect(code.getAttribute("autocomplete")).toBe("one-time-code");
    expect(code.getAttribute("inputmode")).toBe("numeric");
    expect(screen.getByRole("status").textContent).toContain("ada@example.com");
    expect(await violations()).toEqual([]);
  });

  it("R058: a closed passkey prompt leads to email in the same screen, with what was typed", async () => {
    get.mockImplementation(cancelled);
    await open();
    await type(/Email/, "ada@example.com");
    await click(/Sign in with a passkey/);
    expect(screen.getByRole("alert").textContent).toContain("The passkey prompt was closed. Try again or use email.");
    const email = screen.getByLabelText<HTMLInputElement>(/Email/);
    expect(email.value).toBe("ada@example.com");
    expect(document.activeElement).toBe(email);
    expect(screen.getByRole("button", { name: /Continue with email/ }).dataset["part"]).toBe("primary");
    expect(await violations()).toEqual([]);
  });

  it("R057: a browser without passkeys says so and offers email", async () => {
    vi.stubGlobal("PublicKeyCredential", undefined);
    await open();
    expect(screen.queryByRole("button", { name: /passkey/ })).toBeNull();
    expect(document.body.textContent).toContain("Email works everywhere.");
    expect(get).not.toHaveBeenCalled();
  });

  it("R050: an error shows a support code to read out, in both languages, also when no answer came", async () => {
    await open();
    await type(/email/i, "ada@example.com");
    await click(/continue with email/i);
    await type(/^code/i, "000000");
    await click(/^continue$/i);
    expect(screen.getByText("Support code: 7K3M-9QXA")).toBeDefined();
    expect(await violations()).toEqual([]);
    cleanup();

    const german = await open({ german: true });
    german.service.reply("POST /v1/email/start", () => {
      throw new TypeError("offline");
    });
    await type(/e-mail/i, "ada@example.com");
    await click(/weiter mit e-mail/i);
    expect(screen.getByRole("alert").textContent).toMatch(/Support-Code: [0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  });

  it("says that somebody is signed in also where the app takes the screen away in the same moment", async () => {
    const onSignedIn = vi.fn();
    const { client, view } = await open({ onSignedIn });
    view.rerender(
      <SegnoProvider client={client}>
        <Show when="signed-in" fallback={<SignIn onSignedIn={onSignedIn} />}>
          Hello.
        </Show>
      </SegnoProvider>,
    );
    await type(/Email/, "ada@example.com");
    await click(/Continue with email/);
    await type(/Code/, "123456");
    await click(/^Continue$/);
    expect(screen.getByText("Hello.")).toBeTruthy();
    expect(onSignedIn).toHaveBeenCalledTimes(1);
    view.unmount();
    expect(onSignedIn).toHaveBeenCalledTimes(1);
  });

  it("R060: by mail, with a wrong code first; the focus follows", async () => {
    const onSignedIn = vi.fn();
    const { service } = await open({ onSignedIn });
    await click(/Continue with email/);
    expect(screen.getByRole("textbox", { name: /Email/ }).getAttribute("aria-invalid")).toBe("true");
    expect(document.activeElement).toBe(screen.getByLabelText(/Email/));
    await type(/Email/, "ada@example.com");
    await click(/Continue with email/);
    const code = screen.getByLabelText<HTMLInputElement>("Code");
    expect(document.activeElement).toBe(code);
    await click(/^Continue$/);
    expect(screen.getByRole("alert").textContent).toContain("Type the 6 characters");
    fireEvent.change(code, { target: { value: "000000" } });
    await click(/^Continue$/);
    expect(screen.getByRole("alert").textContent).toContain("title of wrong_code");
    expect(code.getAttribute("aria-describedby")).toBe(screen.getByRole("alert").id);
    service.reply("POST /v1/email/start", () => problem(429, "rate_limited", "never"));
    await click(/Send another mail/);
    expect(screen.getByRole("alert").textContent).toContain("title of rate_limited");
    const again = screen.getByLabelText<HTMLInputElement>("Code");
    expect(again.hasAttribute("aria-invalid")).toBe(false);
    fireEvent.change(again, { target: { value: "123 456" } });
    await click(/^Continue$/);
    expect(onSignedIn).toHaveBeenCalledWith(testSession().user);
    expect(document.activeElement?.textContent).toContain("You are signed in as Ada.");
    expect(service.seen.filter((route) => route === "GET /v1/session")).toHaveLength(1);
  });

  it("notices that the link was opened in another tab", async () => {
    const onSignedIn = vi.fn();
    const { service } = await open({ onSignedIn });
    await type(/Email/, "ada@example.com");
    await click(/Continue with email/);
    service.signIn(testSession());
    act(() => void document.dispatchEvent(new Event("visibilitychange")));
    await settle();
    expect(onSignedIn).toHaveBeenCalledTimes(1);
  });

  it("brings the focus back to the address when the person goes back", async () => {
    await open();
    await type(/Email/, "ada@example.com");
    await click(/Continue with email/);
    await click(/Use another way/);
    expect(document.activeElement).toBe(screen.getByLabelText(/Email/));
    expect(screen.getByLabelText<HTMLInputElement>(/Email/).value).toBe("ada@example.com");
  });

  it("can be used again after a sign-out, with empty fields", async () => {
    await open();
    await type(/Email/, "ada@example.com");
    await click(/Continue with email/);
    fireEvent.change(screen.getByLabelText("Code"), { target: { value: "123456" } });
    await click(/^Continue$/);
    await click(/Sign out/);
    expect(screen.getByLabelText<HTMLInputElement>(/Email/).value).toBe("");
    await type(/Email/, "bob@example.com");
    await click(/Continue with email/);
    expect(screen.getByLabelText("Code")).toBeTruthy();
  });

  it("speaks German, also in its errors, and sets the direction it is given", async () => {
    get.mockImplementation(cancelled);
    const { view } = await open({ german: true, dir: "rtl" });
    await click(/Mit Passkey anmelden/);
    expect(screen.getByRole("alert").textContent).toContain("Die Passkey-Abfrage wurde geschlossen.");
    expect(view.container.querySelector("[data-segno]")?.getAttribute("dir")).toBe("rtl");
  });

  it("never puts what was typed or a code into an error text", async () => {
    const { service } = await open();
    service.reply("POST /v1/email/start", () => problem(400, "invalid_input", "after_correction"));
    await type(/Email/, "ada@example.com");
    await click(/Continue with email/);
    expect(screen.getByRole("alert").textContent).not.toContain("ada@");
  });
});

describe("SignIn for somebody who is signed in and sent here by a page that asks for more", () => {
  beforeEach(() => {
    // jsdom has no modal dialogs.
    HTMLDialogElement.prototype.showModal = function () {
      this.setAttribute("open", "");
    };
  });

  const raised = (acr: string) => {
    const { user, session } = testSession({ acr });
    return { user, session: { ...session, authTime: "2026-01-01T01:00:00.000Z" } };
  };
  async function openAsked(seed: "seeded" | "loaded", requirement: SignInProps["requirement"], reached = "phr") {
    const onSignedIn = vi.fn();
    const before = testSession({ acr: "aal1" });
    const service = createService(before);
    service.reply("POST /v1/passkeys/step-up/options", { attemptId: "a1", publicKey: { challenge: "AAAA" } });
    service.reply("POST /v1/passkeys/step-up/verify", {
      status: "signed_in",
      isNewUser: false,
      ...raised(reached),
    });
    get.mockResolvedValue({
      id: "c",
      rawId: new ArrayBuffer(1),
      type: "public-key",
      response: {
        clientDataJSON: new ArrayBuffer(1),
        authenticatorData: new ArrayBuffer(1),
        signature: new ArrayBuffer(1),
      },
      getClientExtensionResults: () => ({}),
    } as unknown as Credential);
    render(
      <SegnoProvider client={service.connect()} initialSession={seed === "seeded" ? before : undefined}>
        <SignIn onSignedIn={onSignedIn} requirement={requirement} />
      </SegnoProvider>,
    );
    await settle();
    return { service, onSignedIn };
  }

  it.each(["seeded", "loaded"] as const)("shows the step-up, and goes on once it is done (%s)", async (seed) => {
    const { onSignedIn, service } = await openAsked(seed, { acr: "phr", maxAgeSeconds: 300 });
    expect(onSignedIn).not.toHaveBeenCalled();
    expect(screen.getByRole("dialog", { name: "Confirm that it is you" })).toBeTruthy();
    expect(await violations()).toEqual([]);
    await click(/Confirm with a passkey/);
    expect(onSignedIn).toHaveBeenCalledTimes(1);
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(service.seen.filter((route) => route.includes("sign-in"))).toEqual([]);
  });

  it.each(["seeded", "loaded"] as const)("arms no autofill for somebody who is signed in (%s)", async (seed) => {
    const signal: (AbortSignal | undefined)[] = [];
    vi.stubGlobal(
      "PublicKeyCredential",
      Object.assign(() => undefined, { isConditionalMediationAvailable: async () => true }),
    );
    get.mockImplementation((options) => {
      signal.push(options.signal);
      return new Promise(() => undefined);
    });
    const service = createService(testSession());
    service.reply("POST /v1/passkeys/sign-in/options", { attemptId: "a1", publicKey: { challenge: "AAAA" } });
    render(
      <SegnoProvider client={service.connect()} initialSession={seed === "seeded" ? testSession() : undefined}>
        <SignIn />
      </SegnoProvider>,
    );
    await settle();
    expect(signal.filter((one) => !one?.aborted)).toEqual([]);
    if (seed === "seeded") expect(service.seen).toEqual([]);
    await click(/Sign out/);
    expect(signal.filter((one) => !one?.aborted)).toHaveLength(1);
  });

  it("offers to add a passkey where the account has none", async () => {
    const { service } = await openAsked("seeded", { acr: "phr" });
    service.reply("POST /v1/passkeys/step-up/options", () => problem(400, "passkey_unknown", "never"));
    await click(/Confirm with a passkey/);
    const dialog = screen.getByRole("dialog", { name: "Confirm that it is you" });
    expect(dialog.textContent).toContain("your account has none yet");
    expect(screen.getByRole("button", { name: "Add a passkey" })).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Confirm with a passkey" })).toBeNull();
    expect(await violations()).toEqual([]);
  });

  it("asks again after a cancel, by a button on the page", async () => {
    const { onSignedIn } = await openAsked("seeded", { maxAgeSeconds: 300 });
    await click(/Cancel/);
    expect(screen.queryByRole("dialog")).toBeNull();
    await click(/Confirm that it is you/);
    expect(screen.getByRole("dialog")).toBeTruthy();
    expect(onSignedIn).not.toHaveBeenCalled();
  });

  it("does not go on with a proof that is new but too weak", async () => {
    const { onSignedIn } = await openAsked("seeded", { acr: "phrh" }, "phr");
    await click(/Confirm with a passkey/);
    expect(onSignedIn).not.toHaveBeenCalled();
    expect(screen.getByRole("button", { name: "Confirm that it is you" })).toBeTruthy();
  });

  it("without a requirement nothing is asked", async () => {
    const { onSignedIn } = await openAsked("seeded", undefined);
    expect(onSignedIn).toHaveBeenCalledTimes(1);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("somebody who signs in here, strongly enough, is asked nothing more", async () => {
    const onSignedIn = vi.fn();
    await open({ onSignedIn, requirement: { acr: "phr", maxAgeSeconds: 300 } });
    await type(/Email/, "ada@example.com");
    await click(/Continue with email/);
    fireEvent.change(screen.getByLabelText("Code"), { target: { value: "123456" } });
    await click(/^Continue$/);
    expect(onSignedIn).toHaveBeenCalledTimes(1);
  });
});

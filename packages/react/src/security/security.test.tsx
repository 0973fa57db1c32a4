// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import axe from "axe-core";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SegnoProvider, Security } from "../index.js";
import { createService, problem, settle } from "../react.double.js";
import { type TestUser, testSession } from "../testing.js";

const at = "2026-01-01T00:00:00.000Z";
const challenge = {
  "www-authenticate": 'Bearer error="insufficient_user_authentication", acr_values="aal1", max_age=600',
};

beforeEach(() => {
  // jsdom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function () {
    this.setAttribute("open", "");
  };
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

async function open(user: TestUser = {}) {
  const snapshot = testSession(user);
  const service = createService(snapshot);
  let passkeys = [
    { id: "p1", name: "Phone", createdAt: at, lastUsedAt: null, backedUp: true, transports: [] },
    { id: "p2", name: "Laptop", createdAt: at, lastUsedAt: at, backedUp: false, transports: [] },
  ];
  let sessions = [snapshot.session, { ...snapshot.session, id: "s2", current: false, deviceName: "Old phone" }];
  service.reply("GET /v1/passkeys", () => Response.json({ passkeys, rpId: "app.example.com", userHandle: "dQ" }));
  service.reply("PATCH /v1/passkeys/p1", ({ name }: { name?: unknown }) => {
    passkeys = passkeys.map((passkey) => (passkey.id === "p1" ? { ...passkey, name: String(name) } : passkey));
    return Response.json(passkeys[0]);
  });
  service.reply("DELETE /v1/passkeys/p1", () => {
    passkeys = passkeys.slice(1);
    return new Response(null, { status: 204 });
  });
  service.reply("GET /v1/sessions", () => Response.json({ sessions }));
  service.reply("POST /v1/sessions/revoke", () => {
    sessions = sessions.slice(0, 1);
    return Response.json({ revoked: 1 });
  });
  const client = service.connect();
  render(
    <SegnoProvider client={client} initialSession={snapshot}>
      <Security />
    </SegnoProvider>,
  );
  await settle();
  return { service, client };
}

async function click(name: RegExp | string) {
  fireEvent.click(screen.getByRole("button", { name }));
  await settle();
}

it("lists passkeys and sessions, without violations", async () => {
  await open();
  expect(screen.getAllByRole("listitem").map((item) => item.querySelector("b")?.textContent)).toEqual([
    "Phone",
    "Laptop",
    "Test browser",
    "Old phone",
  ]);
  expect(document.body.textContent).toContain("this device");
  const { violations } = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  expect(violations.map(({ id }) => id)).toEqual([]);
});

it("renames in place and gives the focus back", async () => {
  await open();
  await click("Rename Phone");
  const field = screen.getByLabelText<HTMLInputElement>("New name");
  expect(document.activeElement).toBe(field);
  fireEvent.change(field, { target: { value: "Work phone" } });
  await click("Save");
  expect(screen.getByText("Work phone")).toBeTruthy();
  expect(document.activeElement?.textContent).toBe("Rename Work phone");
});

it("steps up when the service asks, then removes what the person wanted to remove", async () => {
  const { service } = await open({ acr: "aal1" });
  let isConfirmed = false;
  service.reply("DELETE /v1/passkeys/p2", () =>
    isConfirmed
      ? new Response(null, { status: 204 })
      : problem(401, "insufficient_user_authentication", "after_step_up", challenge),
  );
  service.reply("POST /v1/email/start", { attemptId: "m1", expiresInSeconds: 600, codeLength: 6 });
  service.reply("POST /v1/email/verify", () => {
    isConfirmed = true;
    return Response.json({ status: "signed_in", isNewUser: false, ...testSession() });
  });
  await click("Remove Laptop");
  const dialog = screen.getByRole("dialog", { name: "Confirm that it is you" });
  fireEvent.click(within(dialog).getByRole("button", { name: "Confirm with a mailed code" }));
  await settle();
  expect(within(dialog).getByRole("status").textContent).toContain("Type the 6 characters");
  fireEvent.change(within(dialog).getByLabelText("Code"), { target: { value: "123456" } });
  fireEvent.click(within(dialog).getByRole("button", { name: "Continue" }));
  await settle();
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(service.seen.filter((route) => route === "DELETE /v1/passkeys/p2")).toHaveLength(2);
  expect(screen.getAllByRole("status").some((region) => region.textContent === "Done.")).toBe(true);
});

it("cancelling the step-up leaves everything as it was and says why", async () => {
  const { service } = await open();
  service.reply("DELETE /v1/passkeys/p2", () =>
    problem(401, "insufficient_user_authentication", "after_step_up", challenge),
  );
  await click("Remove Laptop");
  await click("Cancel");
  expect(screen.getByText("Laptop")).toBeTruthy();
  expect(
    screen.getAllByRole("alert").some((alert) => alert.textContent?.includes("insufficient_user_authentication")),
  ).toBe(true);
});

it("explains that the last way to sign in stays", async () => {
  const { service } = await open();
  service.reply("DELETE /v1/passkeys/p2", () => problem(409, "last_factor"));
  await click("Remove Laptop");
  expect(
    screen
      .getAllByRole("alert")
      .map((alert) => alert.textContent)
      .join(),
  ).toContain("title of last_factor");
});

it("signs out the other devices", async () => {
  const { service } = await open();
  await click("Sign out everywhere else");
  expect(service.bodies.at(-2)).toEqual({ which: "others" });
  expect(screen.queryByText("Old phone")).toBeNull();
});

it("asks for what is missing, and stops asking", async () => {
  const { service, client } = await open({ displayName: null, missing: ["displayName"] });
  service.reply("PATCH /v1/user", ({ displayName }: { displayName?: unknown }) =>
    Response.json({ ...testSession().user, displayName, missing: [] }),
  );
  fireEvent.change(screen.getByLabelText("Name"), { target: { value: "Ada" } });
  await click("Save");
  expect(client.session.get().user?.displayName).toBe("Ada");
  expect(screen.queryByLabelText("Name")).toBeNull();
});

it("verifies an address by the mailed code", async () => {
  const { service, client } = await open({ email: null, emailVerified: false });
  service.reply("POST /v1/user/email/start", { attemptId: "m1", expiresInSeconds: 600, codeLength: 6 });
  service.reply("POST /v1/user/email/verify", { ...testSession().user, email: "new@example.com" });
  fireEvent.change(screen.getByLabelText("Email"), { target: { value: "new@example.com" } });
  await click("Send a code to this address");
  fireEvent.change(screen.getByLabelText("Code"), { target: { value: "123456" } });
  await click("Continue");
  expect(client.session.get().user?.email).toBe("new@example.com");
});

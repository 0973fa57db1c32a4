import { afterEach, expect, it, vi } from "vitest";
import { createBrowserDouble, createServiceTable, namedError, signedInAs } from "../browser.double.js";
import { addPasskey, listPasskeys, removePasskey } from "./manage-passkeys.js";
import { passkeyErrorOf } from "./passkey-error.js";
import { detectPasskeySupport } from "./support.js";

afterEach(() => void vi.unstubAllGlobals());

it.each([
  ["NotAllowedError", "passkey_cancelled"],
  ["AbortError", "passkey_cancelled"],
  ["InvalidStateError", "passkey_exists"],
  ["NotSupportedError", "passkey_unsupported"],
  ["ConstraintError", "passkey_unsupported"],
  ["SecurityError", "passkey_rejected"],
  ["UnknownError", "passkey_rejected"],
])("%s becomes %s, also inside a wrapper", (name, code) => {
  expect(passkeyErrorOf(namedError(name)).code).toBe(code);
  expect(passkeyErrorOf(new DOMException("", name)).code).toBe(code);
  expect(passkeyErrorOf(new Error("wrapped", { cause: namedError(name) })).code).toBe(code);
});

it.each([null, undefined, "text", 7, {}])("%j becomes passkey_rejected", (caught) => {
  expect(passkeyErrorOf(caught)).toMatchObject({ code: "passkey_rejected", status: 0 });
});

it("finds out what the browser can do without a prompt and without an exception", async () => {
  expect(await detectPasskeySupport()).toEqual({ canUse: false, canAutofill: false });
  vi.stubGlobal("navigator", { credentials: {} });
  vi.stubGlobal("PublicKeyCredential", () => undefined);
  expect(await detectPasskeySupport()).toEqual({ canUse: true, canAutofill: false });
  const isConditionalMediationAvailable = vi.fn(() => Promise.resolve(true));
  vi.stubGlobal(
    "PublicKeyCredential",
    Object.assign(() => undefined, { isConditionalMediationAvailable }),
  );
  expect(await detectPasskeySupport()).toEqual({ canUse: true, canAutofill: true });
  isConditionalMediationAvailable.mockImplementation(() => Promise.reject(new Error("refused")));
  expect(await detectPasskeySupport()).toEqual({ canUse: true, canAutofill: false });
});

it("keeps the browser's list in step, and shrugs where it refuses", async () => {
  const signalAllAcceptedCredentials = vi.fn(() => Promise.reject(new Error("no")));
  const signalCurrentUserDetails = vi.fn(async () => undefined);
  const signalUnknownCredential = vi.fn(async () => undefined);
  vi.stubGlobal(
    "PublicKeyCredential",
    Object.assign(() => undefined, { signalAllAcceptedCredentials, signalCurrentUserDetails, signalUnknownCredential }),
  );
  const service = createServiceTable(signedInAs("ada"));
  const passkey = {
    id: "a-row",
    credentialId: "p1",
    name: "Phone",
    createdAt: "",
    lastUsedAt: null,
    backedUp: true,
    transports: [],
  };
  service.reply("/v1/passkeys", { passkeys: [passkey], rpId: "app.example.com", userHandle: "dQ" });
  service.reply("/v1/passkeys/a-row", () => new Response(null, { status: 204 }));
  expect((await listPasskeys(service.client)).error).toBeNull();
  const owner = { rpId: "app.example.com", userId: "dQ" };
  expect(signalAllAcceptedCredentials).toHaveBeenCalledWith({ ...owner, allAcceptedCredentialIds: ["p1"] });
  expect(signalCurrentUserDetails).toHaveBeenCalledWith({
    ...owner,
    name: "ada@example.com",
    displayName: "ada@example.com",
  });
  expect((await removePasskey(service.client, passkey, "app.example.com")).error).toBeNull();
  expect(signalUnknownCredential).toHaveBeenCalledWith({ rpId: "app.example.com", credentialId: "p1" });
});

it("adds a passkey; a device that has one already says so", async () => {
  const service = createServiceTable(signedInAs("ada"));
  service.reply("/v1/passkeys/add/verify", {
    id: "p2",
    name: "Laptop",
    createdAt: "",
    lastUsedAt: null,
    backedUp: false,
    transports: [],
  });
  const prompt = createBrowserDouble();
  const adding = addPasskey(service.client, {
    name: "Laptop",
    browser: { ...prompt.browser, create: async () => ({ id: "c" }) },
  });
  expect((await adding).data?.id).toBe("p2");
  expect(service.bodies.at(-1)).toEqual({ attemptId: "a1", response: { id: "c" }, name: "Laptop" });
  const refused = await addPasskey(service.client, {
    browser: { ...prompt.browser, create: () => Promise.reject(namedError("InvalidStateError")) },
  });
  expect(refused.error?.code).toBe("passkey_exists");
});

import { expect, it, vi } from "vitest";

vi.mock("react", async (original) => ({ ...(await original<object>()), cache: (work: unknown) => work }));

it("the public names are frozen: a change here needs a changeset", async () => {
  const names = async (entry: Promise<object>) => Object.keys(await entry).sort();
  expect(await names(import("./server.js"))).toEqual(["createNextSegno", "safeReturnTo", "stepUpRequirement"]);
  expect(await names(import("./proxy.js"))).toEqual(["allExcept", "createSegnoProxy"]);
  expect(await names(import("./client.js"))).toEqual([
    "Security",
    "SegnoProvider",
    "Show",
    "SignIn",
    "StepUpDialog",
    "useAuth",
    "useSession",
    "useSignIn",
    "useStepUp",
    "useUser",
  ]);
});

it("says what is wrong when a client component imports the server entry", async () => {
  await expect(import("./server-in-browser.js")).rejects.toThrow("@segno/next/client");
});

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type Device, type DeviceOptions, launchBrowser, openDevice } from "./browser.ts";
import type { RunningApp } from "./running-app.ts";

/** An app for all tests of a file, and devices that are closed after each. */
export interface Devices<App extends RunningApp = RunningApp> {
  /** From the first test on. */
  app(): App;
  /** Where the app is reached, from the first test on. */
  url(): string;
  /** Opens a device at the app. */
  device(options?: Partial<DeviceOptions>): Promise<Device>;
}

export function useDevices<App extends RunningApp>(start: () => Promise<App>): Devices<App> {
  let app: App | undefined;
  let browser: Browser | undefined;
  const opened: Device[] = [];
  beforeAll(async () => {
    [app, browser] = await Promise.all([start(), launchBrowser()]);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ context }) => context.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });
  const url = (): string => app?.url ?? "";
  return {
    app() {
      if (app === undefined) throw new Error("The app did not start.");
      return app;
    },
    url,
    async device(options = {}) {
      if (browser === undefined) throw new Error("The browser did not start.");
      const device = await openDevice(browser, { url: url(), ...options });
      opened.push(device);
      return device;
    },
  };
}

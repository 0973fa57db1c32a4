import type { DeviceClass } from "@segno/core";

/** Longest name a user may give a device. */
export const maxDeviceNameLength = 80;

const browsers: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, "Edge"],
  [/\bOPR\/|\bOpera\b/, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bHeadlessChrome\/|\bChrome\/|\bChromium\/|\bCriOS\//, "Chrome"],
  [/\bVersion\/[\d.]+.*\bSafari\//, "Safari"],
];

const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bMacintosh\b|\bMac OS X\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

/**
 * A coarse name for the device list: browser and system, no versions, so that it tells devices of one person apart
 * without becoming a fingerprint. `Unknown device` when nothing is recognised.
 * @example deviceNameOf("Mozilla/5.0 (Macintosh; ...) Chrome/141.0.0.0 Safari/537.36") // "Chrome on macOS"
 */
export function deviceNameOf(userAgent: string | null): string {
  if (userAgent === null) return "Unknown device";
  if (userAgent.startsWith("segno-probe/")) return "Synthetic probe";
  const text = userAgent.slice(0, 512);
  const browser = browsers.find(([pattern]) => pattern.test(text))?.[1];
  const system = systems.find(([pattern]) => pattern.test(text))?.[1];
  if (browser !== undefined && system !== undefined) return `${browser} on ${system}`;
  return browser ?? system ?? "Unknown device";
}

/** What kind of device a user agent says it is, as coarse as it can be. `other` for apps, tools and none at all. */
export function deviceClassOf(userAgent: string | null): DeviceClass {
  const text = userAgent?.slice(0, 512) ?? "";
  if (text.startsWith("segno-probe/")) return "probe";
  if (/\biPad\b|\bTablet\b/.test(text) || (/\bAndroid\b/.test(text) && !/\bMobile\b/.test(text))) return "tablet";
  if (/\biPhone\b|\bMobile\b/.test(text)) return "phone";
  return /\bWindows\b|\bMacintosh\b|\bCrOS\b|\bLinux\b/.test(text) ? "desktop" : "other";
}

/** A clock that was set back counts as time that has passed, so that it cannot freeze what is kept. */
export function isWithin(elapsedMs: number, limitMs: number): boolean {
  return elapsedMs >= 0 && elapsedMs < limitMs;
}

/** @throws TypeError unless the URL is https, or http on loopback */
export function checkedUrl(given: string | URL, what = "a key set"): string {
  const url = new URL(given);
  const isLoopback = url.hostname === "localhost" || url.hostname === "127.0.0.1" || url.hostname === "[::1]";
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback)) {
    throw new TypeError(`\`url\` of ${what} must be https, or http on loopback.`);
  }
  return url.href;
}

/** An option in seconds as milliseconds. @throws TypeError */
export function seconds(value: number | undefined, fallback: number, name: string): number {
  return positive(value, fallback, name) * 1000;
}

/** @throws TypeError */
export function positive(value: number | undefined, fallback: number, name: string): number {
  const chosen = value ?? fallback;
  if (!(Number.isFinite(chosen) && chosen > 0)) throw new TypeError(`\`${name}\` must be a positive number.`);
  return chosen;
}

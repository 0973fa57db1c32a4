import { isPlainPath } from "../http/index.js";

const fallbackUrl = "http://localhost:3000";

export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

export function readBaseUrl(text: string | undefined, faults: string[]): URL {
  if (text === undefined) return new URL(fallbackUrl);
  if (!URL.canParse(text)) {
    faults.push("baseUrl: is not an absolute URL");
    return new URL(fallbackUrl);
  }
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") faults.push("baseUrl: must start with https://");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    faults.push("baseUrl: must be an origin alone. A path belongs in basePath");
  if (url.username !== "" || url.password !== "") faults.push("baseUrl: must hold no user name or password");
  return url;
}

export function readBasePath(text: string | undefined, faults: string[]): string {
  const path = text ?? "/api/auth";
  if (isPlainPath(path)) return path;
  faults.push('basePath: must look like "/api/auth", without a slash at its end');
  return "/api/auth";
}

/** RFC 8414 section 2: a URL without query or fragment. Kept as it was written, because verifiers compare it byte by byte. */
export function readIssuer(text: string, faults: string[]): string {
  if (!URL.canParse(text)) {
    faults.push("issuer: is not an absolute URL");
    return fallbackUrl;
  }
  const url = new URL(text);
  const isAllowed = url.protocol === "https:" || url.protocol === "http:";
  if (!isAllowed || url.search !== "" || url.hash !== "")
    faults.push("issuer: must be a URL without query and fragment");
  return text;
}

export function readOrigins(name: string, list: readonly string[], faults: string[]): readonly string[] {
  for (const text of list) {
    if (!URL.canParse(text) || new URL(text).origin !== text) {
      faults.push(`${name}: ${JSON.stringify(text)} is not an exact origin such as "https://app.example.com"`);
    } else if (text.startsWith("http:") && !isLoopback(new URL(text).hostname)) {
      faults.push(`${name}: ${JSON.stringify(text)} must be https`);
    }
  }
  return list;
}

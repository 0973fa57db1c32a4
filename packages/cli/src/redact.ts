type Environment = Readonly<Record<string, string | undefined>>;

const masked = "***";
/** Shorter values would blot out ordinary words. */
const minLength = 6;

/**
 * Makes what takes every secret of the environment out of a text: the listed secrets, passwords in URLs, and the value
 * of any variable that is named like one. A last line of defence: nothing here prints a secret on purpose.
 */
export function createRedactor(environment: Environment): (text: string) => string {
  const values = new Set<string>();
  const add = (value: string | undefined) => {
    if (value !== undefined && value.length >= minLength) values.add(value);
  };
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) continue;
    if (/SECRET|TOKEN|PASSWORD|PASSWD|PRIVATE|API_?KEY|INTROSPECTION_CLIENTS/i.test(name)) {
      add(value);
      for (const part of value.split(",")) add(part.trim().replace(/^[^:]{1,64}:/, ""));
    }
    add(passwordOf(value));
  }
  const longestFirst = [...values].sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const value of longestFirst) clean = clean.replaceAll(value, masked);
    return clean.replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi, `$1${masked}@`);
  };
}

function passwordOf(value: string): string | undefined {
  if (!value.includes("://") || !URL.canParse(value)) return undefined;
  const { password } = new URL(value);
  return password === "" ? undefined : decodeURIComponent(password);
}

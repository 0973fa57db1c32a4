import { loadDevelopmentSecret } from "../development-secret.js";
import { parseSecrets, type VersionedSecret } from "../secrets.js";

export function readSecrets(
  text: string | undefined,
  production: boolean,
  faults: string[],
): readonly VersionedSecret[] {
  if (text === undefined && production) {
    faults.push(
      "secret: missing. Set SEGNO_SECRET to at least 32 random characters, for example from: openssl rand -base64 32",
    );
    return [];
  }
  const { secrets, faults: found } = parseSecrets(text ?? loadDevelopmentSecret());
  for (const fault of found) faults.push(`secret: ${fault}`);
  return secrets;
}

/** What a stream can tell, by the last part of the event's URI. */
export type SignalType =
  | "session-revoked"
  | "credential-change"
  | "assurance-level-change"
  | "account-disabled"
  | "account-enabled"
  | "account-purged";

const caep = "https://schemas.openid.net/secevent/caep/event-type/";
const risc = "https://schemas.openid.net/secevent/risc/event-type/";

/** CAEP 1.0 section 3 and RISC 1.0 section 2. */
const uris: Readonly<Record<SignalType, string>> = {
  "session-revoked": `${caep}session-revoked`,
  "credential-change": `${caep}credential-change`,
  "assurance-level-change": `${caep}assurance-level-change`,
  "account-disabled": `${risc}account-disabled`,
  "account-enabled": `${risc}account-enabled`,
  "account-purged": `${risc}account-purged`,
};

/** SSF 1.0 section 8.1.4.1. */
export const verificationUri = "https://schemas.openid.net/secevent/ssf/event-type/verification";

export const signalTypes: readonly SignalType[] = Object.keys(uris) as SignalType[];

export function uriOf(type: SignalType): string {
  return uris[type];
}

export function signalTypeOf(uri: string): SignalType | undefined {
  return signalTypes.find((type) => uris[type] === uri);
}

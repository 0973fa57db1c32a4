import { type AuthenticateInput, type AuthState, SegnoError } from "@segno/core";
import type { MailTransport, Observer, Store, TokenSigner, WatchedRequest } from "../engine.js";
import { OutsideFirst } from "../keys/index.js";

/** The same signer; each use of a key is a step. */
export function observedSigner<Signer extends TokenSigner>(
  signer: Signer,
  observer: Observer,
  custody: string,
): Signer {
  if (!observer.isOn) return signer;
  const attributes = { custody };
  const { watch } = observer;
  if (watch !== undefined) return { ...signer, sign: countedSign(signer, () => watch("key.sign", attributes)) };
  const sign: TokenSigner["sign"] = async (header, payload, trx) => {
    let aside: OutsideFirst | undefined;
    const signed = await observer.step("key.sign", attributes, async (note) => {
      try {
        const made = await signer.sign(header, payload, trx);
        note({ kid: made.kid });
        return made;
      } catch (error) {
        if (!(error instanceof OutsideFirst)) throw error;
        // no failure: the custody is asked outside the transaction, and then this runs again
        aside = error;
        note({ deferred: true });
        return undefined;
      }
    });
    if (signed !== undefined) return signed;
    throw aside ?? new TypeError("Nothing was signed.");
  };
  return { ...signer, sign };
}

function countedSign(signer: TokenSigner, watch: () => WatchedRequest): TokenSigner["sign"] {
  return async (header, payload, trx) => {
    const watched = watch();
    try {
      const made = await signer.sign(header, payload, trx);
      watched.end(undefined);
      return made;
    } catch (error) {
      if (error instanceof OutsideFirst) watched.note({ deferred: true });
      watched.end(error instanceof OutsideFirst ? undefined : SegnoError.from(error));
      throw error;
    }
  };
}

/** The same transport; each sending is a step. It belongs to no request: the queue sends after the answer, also after a crash. */
export function observedTransport(transport: MailTransport, observer: Observer): MailTransport {
  if (!observer.isOn) return transport;
  return { send: (message) => observer.step("mail.send", {}, () => transport.send(message)) };
}

type Check = (input: AuthenticateInput & { readonly withAccount?: boolean }) => AuthState | Promise<AuthState>;

/** The same check; a step where the database is another process. In this one it takes no time that anybody waits for. */
export function observedCheck(check: Check, observer: Observer, dialect: Store["dialect"]): Check {
  if (!observer.isOn || dialect === "sqlite") return check;
  return (input) => observer.step("authenticate", {}, async () => await check(input));
}

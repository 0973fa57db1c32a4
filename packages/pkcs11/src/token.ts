import type * as Pkcs11Js from "pkcs11js";
import { faultOf, pkcs11Fault, returnValueOf } from "./fault.js";

export type Handle = Pkcs11Js.Handle;
export type Pkcs11 = typeof Pkcs11Js;
export type Library = Pkcs11Js.PKCS11;

/** A library in use. PKCS #11 is initialized once a process, so tokens of one library share it. */
interface LoadedLibrary {
  readonly library: Library;
  users: number;
}

const loaded = new Map<string, LoadedLibrary>();

export interface TokenOptions {
  readonly module: string;
  readonly token: string;
  readonly pin: string | (() => string | Promise<string>);
  readonly maxSessions: number;
}

/** What work on a session is given. */
export interface Session {
  readonly pkcs11: Pkcs11;
  readonly library: Library;
  readonly handle: Handle;
  /** Handles of key objects found so far; forgotten with the connection. */
  readonly objects: Map<string, Handle>;
}

interface Connection {
  readonly pkcs11: Pkcs11;
  readonly library: Library;
  readonly slot: Handle;
  readonly objects: Map<string, Handle>;
  readonly idle: Handle[];
  /** Sessions that work right now. */
  inUse: number;
  isLost: boolean;
}

/** Sessions on one token, as many as there is work, up to a bound. */
export interface Token {
  /** Runs work on a session of its own. It ends with `signal`; the session goes back when the module is done with it. */
  use<Answer>(verb: string, signal: AbortSignal, work: (session: Session) => Promise<Answer>): Promise<Answer>;
  close(): void;
}

/** After these nothing of the connection can be used: the next call starts from nothing. */
const lost =
  /^CKR_(DEVICE_|TOKEN_|SESSION_|USER_NOT_LOGGED_IN|CRYPTOKI_NOT_INITIALIZED|GENERAL_ERROR|OBJECT_HANDLE_|KEY_HANDLE_)/;

export function openToken(options: TokenOptions): Token {
  let connection: Promise<Connection> | undefined;
  let isClosed = false;
  const waiting: (() => void)[] = [];
  let busy = 0;

  function connected(): Promise<Connection> {
    connection ??= connect(options).catch((error: unknown) => {
      connection = undefined;
      throw error;
    });
    return connection;
  }

  /** A bound on what a slow module holds: the rest waits its turn. */
  async function turn(signal: AbortSignal): Promise<void> {
    while (busy >= options.maxSessions) {
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  async function run<Answer>(work: (session: Session) => Promise<Answer>): Promise<Answer> {
    const at = await connected();
    const { pkcs11, library, objects } = at;
    let handle: Handle | undefined;
    at.inUse += 1;
    try {
      handle = at.idle.pop() ?? library.C_OpenSession(at.slot, pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION);
      const answer = await work({ pkcs11, library, handle, objects });
      at.idle.push(handle);
      return answer;
    } catch (error) {
      if (lost.test(returnValueOf(error) ?? "")) {
        at.isLost = true;
        connection = undefined;
      }
      const broken = handle;
      if (broken !== undefined) quietly(() => library.C_CloseSession(broken));
      throw error;
    } finally {
      at.inUse -= 1;
      if (at.inUse === 0 && (at.isLost || isClosed)) leave(at);
    }
  }

  /** Gives sessions back; the last one to leave a library ends it, so that it starts afresh. */
  function leave({ library, idle }: Connection): void {
    for (const handle of idle.splice(0)) quietly(() => library.C_CloseSession(handle));
    release(options.module);
  }

  return {
    async use(verb, signal, work) {
      if (isClosed) throw pkcs11Fault("this custody is closed.");
      await turn(signal);
      if (signal.aborted) throw pkcs11Fault(`no answer in time to ${verb}.`, "timeout");
      busy += 1;
      const done = run(work).finally(() => {
        busy -= 1;
        waiting.shift()?.();
      });
      try {
        return await Promise.race([done, whenAborted(verb, signal, done)]);
      } catch (error) {
        throw faultOf(verb, error);
      }
    },
    close() {
      isClosed = true;
      const last = connection;
      connection = undefined;
      void last?.then(
        (at) => {
          if (at.inUse === 0) leave(at);
        },
        () => undefined,
      );
    },
  };
}

/** Rejects when the signal aborts before the work is done. */
function whenAborted(verb: string, signal: AbortSignal, done: Promise<unknown>): Promise<never> {
  return new Promise((_resolve, reject) => {
    const giveUp = (): void => reject(pkcs11Fault(`no answer in time to ${verb}.`, "timeout"));
    signal.addEventListener("abort", giveUp, { once: true });
    const tidy = (): void => signal.removeEventListener("abort", giveUp);
    done.then(tidy, tidy);
  });
}

async function connect(options: TokenOptions): Promise<Connection> {
  const pkcs11 = await loadBinding();
  const pin = await providedPin(options.pin);
  const library = acquire(pkcs11, options.module);
  try {
    const slot = library
      .C_GetSlotList(true)
      .find((each) => library.C_GetTokenInfo(each).label.trim() === options.token);
    if (slot === undefined) throw pkcs11Fault("no token of this name is present.", "no_token");
    const handle = library.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION);
    try {
      library.C_Login(handle, pkcs11.CKU_USER, pin);
    } catch (error) {
      if (returnValueOf(error) !== "CKR_USER_ALREADY_LOGGED_IN") throw error;
    }
    return { pkcs11, library, slot, objects: new Map(), idle: [handle], inUse: 0, isLost: false };
  } catch (error) {
    release(options.module);
    throw error;
  }
}

/** Native, and compiled at installation: this package loads without it, and says what is missing when it is used. */
async function loadBinding(): Promise<Pkcs11> {
  try {
    const module = (await import("pkcs11js")) as Pkcs11 & { readonly default?: Pkcs11 };
    return module.default ?? module;
  } catch {
    throw pkcs11Fault("pkcs11js is not compiled here: see the README of @segno/pkcs11.", "not_compiled");
  }
}

async function providedPin(pin: TokenOptions["pin"]): Promise<string> {
  try {
    const value = typeof pin === "string" ? pin : await pin();
    // Files end with a line break.
    return value.replace(/\r?\n$/, "");
  } catch {
    throw pkcs11Fault("`pin` could not be read.");
  }
}

function acquire(pkcs11: Pkcs11, path: string): Library {
  const known = loaded.get(path);
  if (known !== undefined) {
    known.users += 1;
    return known.library;
  }
  const library = new pkcs11.PKCS11();
  try {
    library.load(path);
  } catch {
    throw pkcs11Fault("the PKCS #11 library could not be loaded.", "no_library");
  }
  try {
    // Signatures run on several threads at once.
    library.C_Initialize({ flags: pkcs11.CKF_OS_LOCKING_OK });
  } catch (error) {
    if (returnValueOf(error) !== "CKR_CRYPTOKI_ALREADY_INITIALIZED") throw error;
  }
  loaded.set(path, { library, users: 1 });
  return library;
}

function release(path: string): void {
  const known = loaded.get(path);
  if (known === undefined) return;
  known.users -= 1;
  if (known.users > 0) return;
  loaded.delete(path);
  quietly(() => known.library.C_Finalize());
  quietly(() => known.library.close());
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // it is gone already
  }
}

import { type DpopKeyPair, generateDpopKeyPair } from "@segno/core";

const storeName = "keys";

/** Where the proof key lives. Two calls of `load` must return the same pair. */
export interface ProofKeyStore {
  /** The pair of this browser, made by the first call. */
  load(): Promise<DpopKeyPair>;
}

/** Keeps the pair in IndexedDB, shared by all tabs; in memory where IndexedDB is missing or refuses (private windows). */
export function createProofKeyStore(name: string): ProofKeyStore {
  let pair: Promise<DpopKeyPair> | undefined;
  return {
    load: () => {
      pair ??= loadOrCreate(name).catch(generateDpopKeyPair);
      return pair;
    },
  };
}

async function loadOrCreate(name: string): Promise<DpopKeyPair> {
  const database = await openDatabase(name);
  try {
    const stored = await settle(database.transaction(storeName).objectStore(storeName).get("dpop"));
    if (isPair(stored)) return stored;
    const candidate = await generateDpopKeyPair();
    const keys = database.transaction(storeName, "readwrite").objectStore(storeName);
    // Another tab may have written meanwhile: `add` loses then, and the read returns the winner.
    keys.add(candidate, "dpop").onerror = (event) => event.preventDefault();
    const winner = await settle(keys.get("dpop"));
    return isPair(winner) ? winner : candidate;
  } finally {
    database.close();
  }
}

function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => void request.result.createObjectStore(storeName);
  return settle(request);
}

function settle<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function isPair(value: unknown): value is DpopKeyPair {
  return typeof value === "object" && value !== null && "privateKey" in value && "publicJwk" in value;
}

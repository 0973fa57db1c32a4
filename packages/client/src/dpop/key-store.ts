const algorithm = { name: "ECDSA", namedCurve: "P-256" };
const storeName = "keys";

/** Where the proof key lives. Two calls of `load` must return the same pair. */
export interface ProofKeyStore {
  load(): Promise<CryptoKeyPair>;
}

/** A new P-256 pair whose private half cannot leave the browser. */
export function generateProofKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

/** Keeps the pair in IndexedDB, shared by all tabs; in memory where IndexedDB is missing or refuses (private windows). */
export function createProofKeyStore(name: string): ProofKeyStore {
  let pair: Promise<CryptoKeyPair> | undefined;
  return {
    load: () => {
      pair ??= loadOrCreate(name).catch(generateProofKey);
      return pair;
    },
  };
}

async function loadOrCreate(name: string): Promise<CryptoKeyPair> {
  const database = await openDatabase(name);
  try {
    const stored = await settle(database.transaction(storeName).objectStore(storeName).get("dpop"));
    if (isPair(stored)) return stored;
    const candidate = await generateProofKey();
    // Another tab may have written meanwhile: `add` loses then, and the read below returns the winner.
    const transaction = database.transaction(storeName, "readwrite");
    transaction.objectStore(storeName).add(candidate, "dpop").onerror = (event) => event.preventDefault();
    const winner = await settle(transaction.objectStore(storeName).get("dpop"));
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
    request.onerror = (event) => {
      event.preventDefault();
      reject(request.error);
    };
  });
}

function isPair(value: unknown): value is CryptoKeyPair {
  return typeof value === "object" && value !== null && "privateKey" in value && "publicKey" in value;
}

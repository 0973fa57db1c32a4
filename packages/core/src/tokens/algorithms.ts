import type { PublicJwk } from "./jwk.js";

/** Signature algorithms this package can check. Symmetric algorithms and `none` do not exist here. */
export type SigningAlgorithm = "ES256" | "ES384" | "EdDSA" | "Ed25519" | "RS256" | "PS256";

/** All facts about one algorithm. Callers get the resolved row; nobody switches on the name. */
export interface AlgorithmRow {
  readonly alg: SigningAlgorithm;
  readonly kty: "EC" | "OKP" | "RSA";
  readonly crv?: string;
  /** What a JWK's own `alg` may say for this row. */
  readonly jwkAlgs: readonly string[];
  /** Digest name as node:crypto wants it; null where the scheme hashes by itself. */
  readonly nodeHash: "sha256" | "sha384" | null;
  readonly nodePadding?: "pss";
  /** Width of r and of s in bytes, for ECDSA. */
  readonly coordinateBytes?: number;
  /** Exact signature length in bytes, where it is fixed. */
  readonly signatureBytes?: number;
  readonly webImport: { readonly name: string; readonly hash?: string; readonly namedCurve?: string };
  readonly webVerify: { readonly name: string; readonly hash?: string; readonly saltLength?: number };
}

const ed25519 = {
  kty: "OKP",
  crv: "Ed25519",
  jwkAlgs: ["EdDSA", "Ed25519"],
  nodeHash: null,
  signatureBytes: 64,
  webImport: { name: "Ed25519" },
  webVerify: { name: "Ed25519" },
} as const;

const rows: readonly AlgorithmRow[] = [
  {
    alg: "ES256",
    kty: "EC",
    crv: "P-256",
    jwkAlgs: ["ES256"],
    nodeHash: "sha256",
    coordinateBytes: 32,
    signatureBytes: 64,
    webImport: { name: "ECDSA", namedCurve: "P-256" },
    webVerify: { name: "ECDSA", hash: "SHA-256" },
  },
  {
    alg: "ES384",
    kty: "EC",
    crv: "P-384",
    jwkAlgs: ["ES384"],
    nodeHash: "sha384",
    coordinateBytes: 48,
    signatureBytes: 96,
    webImport: { name: "ECDSA", namedCurve: "P-384" },
    webVerify: { name: "ECDSA", hash: "SHA-384" },
  },
  { alg: "EdDSA", ...ed25519 },
  { alg: "Ed25519", ...ed25519 },
  {
    alg: "RS256",
    kty: "RSA",
    jwkAlgs: ["RS256"],
    nodeHash: "sha256",
    webImport: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    webVerify: { name: "RSASSA-PKCS1-v1_5" },
  },
  {
    alg: "PS256",
    kty: "RSA",
    jwkAlgs: ["PS256"],
    nodeHash: "sha256",
    nodePadding: "pss",
    webImport: { name: "RSA-PSS", hash: "SHA-256" },
    webVerify: { name: "RSA-PSS", saltLength: 32 },
  },
];

const byName: ReadonlyMap<string, AlgorithmRow> = /* @__PURE__ */ new Map(
  /* @__PURE__ */ rows.map((row) => [row.alg, row]),
);

/** The row of an algorithm name, byte for byte; `undefined` for everything unknown. */
export function algorithmRow(name: unknown): AlgorithmRow | undefined {
  return typeof name === "string" ? byName.get(name) : undefined;
}

/** The rows a key may be used with: type and curve fit, and its own `alg`, when it has one, agrees. */
export function rowsForKey(jwk: PublicJwk): readonly AlgorithmRow[] {
  return rows.filter(
    (row) =>
      row.kty === jwk.kty &&
      (row.crv === undefined || row.crv === jwk.crv) &&
      (jwk.alg === undefined || row.jwkAlgs.includes(jwk.alg)),
  );
}

/**
 * Checks a list of allowed algorithms given in options.
 * @throws TypeError when it is empty or names something that is not in the table
 */
export function allowedRows(names: readonly SigningAlgorithm[]): ReadonlyMap<string, AlgorithmRow> {
  const allowed = new Map<string, AlgorithmRow>();
  for (const name of names) {
    const row = algorithmRow(name);
    if (row === undefined) throw new TypeError("Unknown signature algorithm in `algorithms`.");
    allowed.set(row.alg, row);
  }
  if (allowed.size === 0) throw new TypeError("`algorithms` must name at least one algorithm.");
  return allowed;
}

import { verify } from "node:crypto";
import { median } from "./measure.ts";
import { createSigningKey, signToken } from "./tokens.ts";

/**
 * Budgets in microseconds were set on a machine that does 25 000 raw ES256 checks a second. `1` means this machine is
 * as fast now; `2` means it is half as fast, and every figure in microseconds is divided by two before it is judged.
 */
export function machineFactor(): number {
  const key = createSigningKey();
  const token = signToken(key);
  const rounds = Array.from({ length: 15 }, () => {
    const started = performance.now();
    for (let item = 0; item < 200; item += 1) verify("sha256", token.signingInput, key.publicKey, token.der);
    return ((performance.now() - started) * 1000) / 200;
  });
  return median(rounds) / 40;
}

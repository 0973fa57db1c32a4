import { verify } from "node:crypto";
import { median } from "./measure.ts";
import { createSigningKey, signToken } from "./tokens.ts";

/**
 * Budgets in microseconds were set on a machine that spends 40 us of CPU on a raw ES256 check. `1` means this machine is
 * as fast now; `2` means it is half as fast, and every figure in microseconds is divided by two before it is judged.
 * CPU time, not wall time: other processes on the machine do not flatter us.
 */
export function machineFactor(): number {
  const key = createSigningKey();
  const token = signToken(key);
  const items = 500;
  const rounds = Array.from({ length: 15 }, () => {
    const before = process.cpuUsage();
    for (let item = 0; item < items; item += 1) verify("sha256", token.signingInput, key.publicKey, token.der);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / items;
  });
  return median(rounds) / 40;
}

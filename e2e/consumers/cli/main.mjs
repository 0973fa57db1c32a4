// The installed command, as `npx segno` runs it: migrates, starts, and finds nothing wrong.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

const segno = (...args) => {
  const { status, stdout, stderr } = spawnSync("npx", ["--no-install", "segno", ...args], { encoding: "utf8" });
  return { status, stdout, stderr, json: () => JSON.parse(stdout) };
};
const config = ["--config", "./segno.ts"];

assert.match(segno("--help").stdout, /migrate apply/);
const plan = segno("migrate", "plan", "--json", ...config);
assert.equal(plan.status, 1, plan.stderr);
assert.equal(plan.json().state, "pending");
assert.equal(segno("migrate", "apply", ...config).status, 2);
const applied = segno("migrate", "apply", "--yes", "--json", ...config);
assert.equal(applied.status, 0, applied.stderr);
assert.equal(segno("migrate", "status", "--json", ...config).json().state, "current");
assert.equal(segno("keys", "status", ...config).status, 0);
assert.equal(segno("keys", "rotate", "--at-once", "--yes", "--json", ...config).json().rotated.wasPublished, true);
const doctor = segno("doctor", "--json", ...config);
assert.equal(doctor.status, 0, doctor.stdout + doctor.stderr);
assert.ok(doctor.json().findings.every(({ level }) => level !== "fail"));
const wrong = segno("doctor", "--config", "./gone.ts");
assert.deepEqual([wrong.status, wrong.stdout], [1, ""]);
assert.match(wrong.stderr, /^segno: \.\/gone\.ts is not there/m);
console.log("cli: works");

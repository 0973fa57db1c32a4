// A server of the tests that can be killed, started again on the same port with the same data, and held still.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";

const running = new Set();
// whoever started one may end without stopping it; what is held still would not see a gentler signal
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * @typedef {object} ServerProcess
 * @property {() => Promise<void>} kill ends it as a power cut does
 * @property {() => Promise<void>} restart starts it again after a kill
 * @property {() => void} pause it takes bytes and never answers
 * @property {() => void} resume
 */

/**
 * Starts a program and waits until it listens.
 * @param {{ name: string, bin: string, args: string[], port: number, env?: NodeJS.ProcessEnv, seconds?: number }} options
 * @returns {Promise<ServerProcess>}
 */
export async function startProcess({ name, bin, args, port, env = process.env, seconds = 10 }) {
  let child;
  let complaints = "";

  async function start() {
    child = spawn(bin, args, { stdio: ["ignore", "pipe", "pipe"], env });
    running.add(child);
    child.once("exit", () => running.delete(child));
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        complaints = (complaints + text).slice(-2000);
      });
    const endsAt = performance.now() + seconds * 1000;
    while (performance.now() < endsAt) {
      if (child.exitCode !== null) throw new Error(`${name} ended at once (exit ${child.exitCode}).\n${complaints}`);
      if (await isOpen(port)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await kill();
    throw new Error(`${name} does not listen after ${seconds} s.\n${complaints}`);
  }

  async function kill() {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  await start();
  return { kill, restart: start, pause: () => void child.kill("SIGSTOP"), resume: () => void child.kill("SIGCONT") };
}

/** @param {number} port */
export function isOpen(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** @param {string} name */
export function find(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

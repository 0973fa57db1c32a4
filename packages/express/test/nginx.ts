// A real nginx with its cache in front of a server: keeps everything that it may keep.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"];
const binary = folders.map((folder) => join(folder, "nginx")).find((file) => existsSync(file));

/** Why there is none; undefined when there is one. */
export const noNginx: string | undefined = binary === undefined ? "skipped: nginx not installed" : undefined;

/** How the front differs from a plain one. */
interface Front {
  /** Behind the address in `listen`. */
  readonly listen?: string;
  /** Directives of the server. */
  readonly lines?: readonly string[];
}

const config = (folder: string, port: number, upstream: string, { listen = "", lines = [] }: Front): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache keys_zone=shared:1m use_temp_path=off;
  server {
    listen 127.0.0.1:${port}${listen};
    ${lines.join("\n    ")}
    location / {
      proxy_pass ${upstream};
      proxy_cache shared;
      proxy_cache_key $request_uri;
      proxy_cache_methods GET HEAD POST;
      proxy_cache_valid any 10m;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}`;

/** @returns its origin, and how to end it */
export async function startNginx(
  upstream: string,
  front: Front = {},
): Promise<{ readonly origin: string; stop(): Promise<void> }> {
  if (binary === undefined) throw new Error("nginx is not installed");
  const folder = mkdtempSync(join(tmpdir(), "segno-nginx-"));
  mkdirSync(join(folder, "cache"));
  const port = await freePort();
  writeFileSync(join(folder, "nginx.conf"), config(folder, port, upstream, front));
  const child = spawn(binary, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += chunk));
  let isOver = false;
  const over = new Promise<void>((resolve) =>
    child.on("close", () => {
      isOver = true;
      resolve();
    }),
  );
  const origin = `http://127.0.0.1:${port}`;
  while (!(await answers(origin))) if (isOver) throw new Error(`nginx did not start: ${errors}`);
  return {
    origin,
    async stop() {
      child.kill("SIGTERM");
      await over;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const answers = (origin: string) =>
  fetch(origin).then(
    () => true,
    () => new Promise<boolean>((resolve) => setImmediate(resolve, false)),
  );

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error()),
      );
    });
  });
}

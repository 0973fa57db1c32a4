// nginx in front of the nodes, from the Debian package, as a throw-away process.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

/** What matters of it: who is asked next when a node does not answer, and that nginx alone says who the client is. */
function configuration(folder: string, port: number, nodes: readonly number[]): string {
  return `
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;

  upstream segno {
${nodes.map((node) => `    server 127.0.0.1:${node} max_fails=1 fail_timeout=2s;`).join("\n")}
    keepalive 16;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://segno;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      # replaces what a client claims: Segno believes this address, because clientIp lists nginx as a proxy
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Request-Id $request_id;
      proxy_connect_timeout 1s;
      # a node that is gone, or says 503, is passed over; what was sent by POST is not sent twice
      proxy_next_upstream error timeout http_503;
    }
  }
}
`;
}

export function findNginx(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, "nginx")).find((file) => existsSync(file));
}

export async function startNginx(
  bin: string,
  options: { readonly folder: string; readonly port: number; readonly nodes: readonly number[] },
): Promise<() => Promise<void>> {
  mkdirSync(options.folder, { recursive: true });
  const file = join(options.folder, "nginx.conf");
  writeFileSync(file, configuration(options.folder, options.port, options.nodes));
  await promisify(execFile)(bin, ["-t", "-q", "-c", file, "-e", join(options.folder, "error.log")]);
  const child = spawn(bin, ["-c", file, "-e", join(options.folder, "error.log")], { stdio: "inherit" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return async () => {
    child.kill("SIGTERM");
    await ended;
  };
}

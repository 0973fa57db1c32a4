// Mail as files: any node may send what another one queued, so a mailbox in memory would not do.
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MailTransport } from "@segno/server";

export function mailFolder(folder: string): MailTransport {
  mkdirSync(folder, { recursive: true });
  return {
    async send({ to, subject, text }) {
      writeFileSync(join(folder, `${randomUUID()}.txt`), `To: ${to}\nSubject: ${subject}\n\n${text}\n`);
    },
  };
}

/** Waits for a mail to the address, takes it out of the folder and gives back its six digits. */
export async function takeCode(folder: string, to: string): Promise<string> {
  for (let tries = 0; tries < 200; tries += 1) {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const file = join(folder, name);
      const mail = readFileSync(file, "utf8");
      const code = mail.replace(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0];
      if (!mail.startsWith(`To: ${to}\n`) || code === undefined) continue;
      rmSync(file);
      return code;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`No mail to ${to} within 10 s.`);
}

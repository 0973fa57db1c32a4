import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { sleep } from "../http.ts";

/** How a mail server answers: at once, after a while to every recipient, after it has the mail, or with 451. */
export type MailServerMood =
  | { readonly waitMs: number; readonly before: "recipient" | "taking" }
  | "well"
  | "refusing"
  | "down";

export interface ReceivedMail {
  readonly to: string;
  readonly text: string;
}

/** A mail server (RFC 5321, as much as a client needs) that can be slow, unwilling and away. */
export interface MailServer {
  readonly port: number;
  /** What it took, that is, said 250 to. */
  readonly mails: ReceivedMail[];
  be(mood: MailServerMood): Promise<void>;
  /** Whether nobody is talking to it. */
  readonly isIdle: () => boolean;
  stop(): Promise<void>;
}

export async function startMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const sockets = new Set<Socket>();
  const state: { mood: MailServerMood; server: Server | undefined } = { mood: "well", server: undefined };
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    talk(socket, () => state.mood, mails);
  };
  const listen = async (port: number): Promise<number> => {
    const server = createServer(serve);
    state.server = server;
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };
  const leave = async () => {
    const { server } = state;
    state.server = undefined;
    for (const socket of sockets) socket.destroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  };
  const port = await listen(0);
  return {
    port,
    mails,
    isIdle: () => sockets.size === 0,
    async be(mood) {
      state.mood = mood;
      if (mood === "down") await leave();
      else if (state.server === undefined) await listen(port);
    },
    stop: leave,
  };
}

function talk(socket: Socket, mood: () => MailServerMood, mails: ReceivedMail[]): void {
  let [pending, to, text] = ["", "", ""];
  let isData = false;
  const say = (line: string) => void socket.write(`${line}\r\n`);
  const take = async () => {
    const now = mood();
    const mail = { to, text };
    [text, isData] = ["", false];
    if (typeof now === "object" && now.before === "taking") await sleep(now.waitMs);
    // a client that has gone meanwhile does not know that its mail was taken: it was
    mails.push(mail);
    if (!socket.destroyed) say("250 2.0.0 queued");
  };
  const answer = async (line: string): Promise<void> => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === "RCPT") to = /<([^>]*)>/.exec(line)?.[1] ?? "";
    if (verb === "RCPT" && mood() === "refusing") return say("451 4.7.1 try again later");
    const now = mood();
    if (verb === "RCPT" && typeof now === "object" && now.before === "recipient") await sleep(now.waitMs);
    if (verb === "DATA") isData = true;
    say({ DATA: "354 go on", QUIT: "221 bye" }[verb] ?? "250 ok");
    if (verb === "QUIT") socket.end();
  };
  say("220 mail.example ESMTP");
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    pending += chunk;
    for (let end = pending.indexOf("\r\n"); end >= 0; end = pending.indexOf("\r\n")) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 2);
      if (!isData) void answer(line);
      else if (line === ".") void take();
      else text += `${line}\n`;
    }
  });
}

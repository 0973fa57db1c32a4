import { percentile, sleep } from "../http.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { type MailServer, type MailServerMood, startMailServer } from "../peers/mail-server.ts";
import { browserAt, signUp } from "../people.ts";
import { type ChaosRow, type Figure, figure, type RunOptions } from "../report.ts";
import { sqliteFile } from "../sqlite-file.ts";

interface Mood {
  readonly name: string;
  readonly mood: MailServerMood;
  /** How many of the known addresses ask, and as many unknown ones. */
  readonly count: number;
  /** How long it lasts. */
  readonly lastsMs: number;
}

export const mailDown: ChaosRow = {
  name: "F14",
  what: "the mail server takes 30 s for a mail, is away, or says 451 to every recipient; then it is well again",
  compressed: "5 s each of being away and of 451 (--smoke: 1 s, and 3 s for a mail)",
  breaks: "the queue: a mail is sent before the request for it is answered",
  async run(options) {
    const server = await startMailServer();
    const node = await forkNode("engine", {
      database: sqliteFile(),
      smtpPort: server.port,
      mailsInline: options.isBroken,
    });
    const each = options.isSmoke ? 3 : 20;
    const known = Array.from({ length: each }, (_, index) => `known-${index}@example.com`);
    await Promise.all(known.map((email) => signInByMail(node, server, email)));
    const first = server.mails.length;
    const waitMs = options.isSmoke ? 3_000 : 30_000;
    const lastsMs = options.isSmoke ? 1_000 : 5_000;
    const moods: readonly Mood[] = [
      { name: "away", mood: "down", lastsMs, count: each },
      { name: "saying 451", mood: "refusing", lastsMs, count: each },
      // as many as are sent at the same time: one that is taken and then cut off cannot be known to be there
      { name: "slow to take", mood: { waitMs, before: "taking" }, lastsMs: waitMs + 2_000, count: 2 },
      { name: "slow", mood: { waitMs, before: "recipient" }, lastsMs: waitMs + 2_000, count: each },
    ];
    const figures: Figure[] = [];
    const starts = new Map<string, number>();
    for (const [index, { name, mood, lastsMs: forMs, count }] of moods.entries()) {
      await untilSent(node, server, first + total(starts));
      await server.be(mood);
      const sinceMs = performance.now();
      figures.push(...(await ask(node, { name, index, known: known.slice(0, count), starts, options })));
      await sleep(Math.max(0, forMs - (performance.now() - sinceMs)));
    }
    await server.be("well");
    await untilSent(node, server, first + total(starts));
    // what would come twice comes within this
    await node.ask("advance", 300_000);
    await sleep(options.isSmoke ? 500 : 6_000);
    const counts = Map.groupBy(server.mails.slice(first), ({ to }) => to);
    const missing = [...starts].filter(([to, count]) => (counts.get(to)?.length ?? 0) < count).length;
    const twice = [...starts].filter(([to, count]) => (counts.get(to)?.length ?? 0) > count).length;
    await node.stop();
    await server.stop();
    return [
      ...figures,
      figure({ row: "F14", what: `addresses that lack a mail, of ${starts.size}`, figure: missing, atMost: 0 }),
      figure({ row: "F14", what: `addresses that got one twice, of ${starts.size}`, figure: twice, atMost: 0 }),
    ];
  },
};

const total = (starts: ReadonlyMap<string, number>): number =>
  [...starts.values()].reduce((sum, count) => sum + count, 0);

/** Between two moods the server is well until it has everything, so that each of them is met by its own mails. */
async function untilSent(node: ForkedNode, server: MailServer, wanted: number): Promise<void> {
  if (server.mails.length >= wanted) return;
  await server.be("well");
  // a mail that is under way for longer than its lease would be sent again: that is not this fault
  for (let idle = 0; idle < 10; idle = server.isIdle() ? idle + 1 : 0) await sleep(50);
  await node.ask("advance", 300_000);
  for (let tries = 0; tries < 400 && server.mails.length < wanted; tries += 1) await sleep(100);
}

interface Asking {
  readonly name: string;
  readonly index: number;
  readonly known: readonly string[];
  readonly starts: Map<string, number>;
  readonly options: RunOptions;
}

/** Known and unknown people ask for mail in turns, and somebody comes with a passkey. */
async function ask(node: ForkedNode, { name, index, known, starts, options }: Asking): Promise<readonly Figure[]> {
  const tookMs = { known: [] as number[], unknown: [] as number[] };
  const shapes = { known: new Set<string>(), unknown: new Set<string>() };
  let withoutPasskey = 0;
  for (const [turn, email] of known.entries()) {
    for (const kind of turn % 2 === 0 ? (["known", "unknown"] as const) : (["unknown", "known"] as const)) {
      const to = kind === "known" ? email : `unknown-${index}-${turn}@example.com`;
      const sinceMs = performance.now();
      const { status, body } = await browserAt(() => node.port).call<object>("/v1/email/start", { email: to });
      tookMs[kind].push(performance.now() - sinceMs);
      shapes[kind].add(`${status} ${Object.keys(body).sort().join(" ")}`);
      if (status < 300) starts.set(to, (starts.get(to) ?? 0) + 1);
    }
    if (turn % 3 === 0)
      withoutPasskey += await signUp(browserAt(() => node.port)).then(
        () => 0,
        () => 1,
      );
  }
  const answers = [...shapes.known, ...shapes.unknown];
  const worst = percentile([...tookMs.known, ...tookMs.unknown], 0.99);
  const [one, other] = [percentile(tookMs.known, 0.5), percentile(tookMs.unknown, 0.5)];
  return [
    figure({
      row: "F14",
      what: `${name}: a request for mail is answered within, p99 of ${2 * known.length}, ms`,
      figure: Math.round(worst),
      atMost: options.isSmoke ? 2_000 : 300,
      note: `median ${Math.round(one)} ms for known addresses, ${Math.round(other)} ms for unknown ones`,
    }),
    figure({
      row: "F14",
      what: `${name}: kinds of answers to known and unknown addresses (${answers[0]})`,
      figure: new Set(answers).size,
      atMost: 1,
      atLeast: 1,
    }),
    figure({ row: "F14", what: `${name}: sign-ups by passkey that failed`, figure: withoutPasskey, atMost: 0 }),
  ];
}

/** @throws Error when no mail comes */
async function signInByMail(node: ForkedNode, server: MailServer, email: string): Promise<void> {
  const browser = browserAt(() => node.port);
  const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
  for (let tries = 0; tries < 200; tries += 1) {
    const mail = server.mails.find(({ to }) => to === email);
    const code = /: (\d{6})$/m.exec(mail?.text ?? "")?.[1];
    if (code !== undefined) {
      await browser.call("/v1/email/verify", { attemptId: body.attemptId, code });
      return;
    }
    await sleep(50);
  }
  throw new Error(`no mail to ${email}: ${server.mails.find(({ to }) => to === email)?.text}`);
}

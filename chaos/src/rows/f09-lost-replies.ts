import { createFaultProxy, createMailCapture } from "@segno/testing";
import { sleep } from "../http.ts";
import { countLost, inspectPostgres } from "../inspect.ts";
import { forkNode } from "../nodes/fork-node.ts";
import { at, createDatabase } from "../peers/peers.ts";
import { browserAt, grant, grantOf, refresh, signUpFirst, signUpMany } from "../people.ts";
import { type ChaosRow, figure } from "../report.ts";
import { countDeadFamilies, startWriters } from "../writers.ts";

export const lostReplies: ChaosRow = {
  name: "F9",
  what: "the answer is lost after the commit: on the way to the client, and on the way from the database",
  compressed:
    "30 lost answers to refreshes, 15 to sign-ins, 10 s of a database wire that breaks at random (--long: 200, 100, 60 s)",
  breaks: "the overlap (refreshGraceSeconds: 0)",
  async run(options) {
    const rounds = options.isLong ? 200 : options.isSmoke ? 5 : 30;
    const server = await options.peers.postgres();
    const url = await createDatabase(server);
    const wire = await createFaultProxy({ host: "127.0.0.1", port: server.port });
    const mail = createMailCapture();
    const node = await forkNode(
      "engine",
      {
        database: { kind: "postgres", url: at(url, wire), max: 4, connectTimeoutMs: 500, statementTimeoutMs: 1_000 },
        ...(options.isBroken ? { tokens: { refreshGraceSeconds: 0 } } : {}),
      },
      {
        onTold: ({ mail: message }: { mail?: Parameters<typeof mail.send>[0] }) => void (message && mail.send(message)),
      },
    );
    const road = await createFaultProxy({ host: "127.0.0.1", port: node.port });
    const inspector = inspectPostgres(url);

    /** Sends once with the answer lost, then again. */
    async function twice<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
      road.set({ kind: "lost_replies" });
      await work().catch(() => undefined);
      road.heal();
      return await work();
    }

    const person = await signUpFirst(() => node.port);
    let different = 0;
    await grant(person);
    const firstGeneration = await inspector.count("select generation from segno_refresh_families");
    for (let round = 0; round < rounds; round += 1) {
      const { refreshToken } = await grant(person);
      const again = await twice(() => refresh({ port: road.port }, refreshToken));
      const oncemore = await refresh({ port: node.port }, refreshToken);
      const isSame =
        again.status === 200 && oncemore.status === 200 && successor(again.text) === successor(oncemore.text);
      if (!isSame) different += 1;
    }
    const rotatedTwice = await inspector.count(
      `select count(*) from segno_refresh_families where generation > ${firstGeneration + 1}`,
    );

    let signedInAgain = 0;
    let mails = 0;
    let sessions = 0;
    const signIns = Math.ceil(rounds / 2);
    for (let round = 0; round < signIns; round += 1) {
      const email = `ada-${round}@example.com`;
      const browser = browserAt(() => road.port);
      const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
      const code = await mail.nextCode(email);
      const answer = await twice(() => browser.call("/v1/email/verify", { attemptId: body.attemptId, code }));
      if (answer.status === 200) signedInAgain += 1;
      mails = Math.max(mails, mail.messages.filter(({ to }) => to === email).length);
      sessions = Math.max(
        sessions,
        await inspector.count(
          `select count(*) from segno_sessions where user_id in (select user_id from segno_identifiers where value = '${email}')`,
        ),
      );
    }

    const people = await signUpMany(4, () => node.port);
    const writers = await startWriters({ port: () => node.port, people });
    const untilMs = performance.now() + (options.isLong ? 60_000 : options.isSmoke ? 3_000 : 10_000);
    let cuts = 0;
    while (performance.now() < untilMs) {
      wire.set({ kind: "lost_replies" });
      await sleep(2 + (cuts % 5));
      wire.heal();
      cuts += 1;
      await sleep(120 + (cuts % 7) * 10);
    }
    await sleep(1_500);
    await writers.stop();
    const lost = await countLost(inspector, writers.acknowledged);
    const dead = await countDeadFamilies(node.port, writers.newest);
    await inspector.close();
    await node.stop();
    await Promise.all([road.close(), wire.close()]);
    const written = writers.acknowledged.tokens.length + writers.acknowledged.users.length;
    return [
      figure({
        row: "F9",
        what: `refreshes that were sent again and got another result, of ${rounds}`,
        figure: different,
        atMost: 0,
      }),
      figure({ row: "F9", what: "families that rotated twice for one refresh", figure: rotatedTwice, atMost: 0 }),
      figure({
        row: "F9",
        what: `sessions for one sign-in that was sent again, most of ${signIns}`,
        figure: sessions,
        atLeast: 1,
        atMost: 1,
      }),
      figure({ row: "F9", what: "mails for it, most", figure: mails, atLeast: 1, atMost: 1 }),
      figure({
        row: "F9",
        what: "sign-ins that were sent again and answered with the session",
        figure: signedInAgain,
        note: "a spent code stays spent (attempt_consumed): the person begins anew, with a mail of its own; the lost session can be seen and ended",
      }),
      figure({
        row: "F9",
        what: `database wire cut ${cuts} times: acknowledged writes lost or doubled, of ${written}`,
        figure: lost + (written < 20 ? Number.NaN : 0),
        atMost: 0,
      }),
      figure({ row: "F9", what: "database wire: clients signed out", figure: dead + writers.signedOut, atMost: 0 }),
    ];
  },
};

const successor = (text: string): string => {
  const answer: Parameters<typeof grantOf>[0] = { status: 200, headers: {}, tookMs: 0, text };
  return grantOf(answer).refreshToken;
};

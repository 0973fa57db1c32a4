import type { Agent } from "node:http";
import { keepAlive, sleep } from "./http.ts";
import type { Acknowledged } from "./inspect.ts";
import { browserAt, type Grant, grant, grantOf, jtiOf, type Person, refresh, signUp } from "./people.ts";

/** Load that writes, and remembers what it was told is done. */
export interface Writers {
  readonly acknowledged: Acknowledged;
  /** The newest refresh token each lane was given. */
  readonly newest: readonly string[];
  /** Answers that say a session is over, which none of these clients deserves. */
  readonly signedOut: number;
  stop(): Promise<void>;
}

export interface WritersOptions {
  /** Where to send now: a node that was killed comes back on another port. */
  readonly port: () => number;
  readonly people: readonly Person[];
  /** Whether accounts are made as well. Default true. */
  readonly signsUp?: boolean;
}

/** Each person refreshes a family of its own, as an app would: what was not answered is sent again. */
export async function startWriters({ port, people, signsUp = true }: WritersOptions): Promise<Writers> {
  const users: string[] = people.map(({ userId }) => userId);
  const tokens: string[] = [];
  const newest: string[] = [];
  const agent = keepAlive();
  const state = { isOn: true, signedOut: 0 };
  const first = await Promise.all(people.map((person) => grant(person)));
  const take = (lane: number, given: Grant) => {
    tokens.push(jtiOf(given.accessToken));
    newest[lane] = given.refreshToken;
  };
  const refreshing = first.map(async (given, lane) => {
    take(lane, given);
    while (state.isOn) {
      const answer = await refresh({ port: port(), agent, timeoutMs: 5_000 }, newest[lane] ?? "");
      if (answer.status === 200) take(lane, grantOf(answer));
      else await sleep(20);
      if (answer.status === 400) {
        state.signedOut += 1;
        return;
      }
    }
  });
  const signingUp = async () => {
    while (state.isOn && signsUp) {
      await signUp(browserAt(port)).then(
        ({ userId }) => users.push(userId),
        () => sleep(20),
      );
    }
  };
  const work = [...refreshing, signingUp()];
  return {
    acknowledged: { users, tokens },
    newest,
    get signedOut() {
      return state.signedOut;
    },
    async stop() {
      state.isOn = false;
      await Promise.all(work);
      agent.destroy();
    },
  };
}

/** How many of the newest refresh tokens are not answered with a successor. */
export async function countDeadFamilies(port: number, tokens: readonly string[], agent?: Agent): Promise<number> {
  const answers = await Promise.all(tokens.map((token) => refresh({ port, ...(agent && { agent }) }, token)));
  return answers.filter(({ status }) => status !== 200).length;
}

import { type IoRedisClient, type NodeRedisClient, redisScript, runScript } from "../../redis-script.js";
import type { EventSink, OutgoingEvent, Refusal } from "../sink.js";
import { away } from "./away.js";
import { choiceOf, type SinkChoice } from "./choice.js";
import { inPortions } from "./in-portions.js";
import { checkChoice, createOptionFaults, isCount } from "./option-faults.js";
import { untilAborted } from "./until-aborted.js";

export type { IoRedisClient, NodeRedisClient, ScriptInput } from "../../redis-script.js";
export type { EventFilter, EventSink, OutgoingEvent, Refusal } from "../sink.js";
export type { SinkChoice } from "./choice.js";

/** Options of `redisStreamSink`. */
export interface RedisStreamSinkOptions extends SinkChoice {
  /** An `ioredis` 5 or newer, or a connected `redis` 4 or newer, alone or a cluster. */
  readonly client: IoRedisClient | NodeRedisClient;
  /** The stream's key. Default `segno:events`. */
  readonly stream?: string;
  /** About how many entries the stream keeps; older ones go, read or not. Default: all, until somebody trims it. */
  readonly maxLength?: number;
  /** The biggest event, in bytes: Redis itself would take half a gigabyte into memory. Default one mebibyte. */
  readonly maxEventBytes?: number;
}

const maxPortionBytes = 1024 * 1024;

/**
 * Adds events to a stream of Redis or Valkey, in order. An entry has the fields `id`, `type` and `event`: the CloudEvent.
 * What is sent again soon, as after a crash, is recognised among the stream's last entries and not added twice; a reader
 * still drops by `id` what it has seen, because an entry may have been deleted and what was refused may come much later.
 *
 * Not checked: that Redis keeps what it has acknowledged (`appendonly yes`, replicas). The client stays the application's.
 * @throws TypeError at once, naming every option that is wrong
 * @example
 * ```ts
 * import { redisStreamSink } from "@segno/server/events/redis-streams";
 * import { Redis } from "ioredis";
 * const sink = redisStreamSink({ client: new Redis("redis://127.0.0.1:6379"), maxLength: 1_000_000 });
 * ```
 */
export function redisStreamSink(options: RedisStreamSinkOptions): EventSink {
  const { client, stream = "segno:events", maxLength, maxEventBytes = 1024 * 1024, batchSize = 100 } = options;
  const faults = createOptionFaults("redisStreamSink");
  checkChoice(faults, { name: "redis-streams", ...options });
  faults.require(stream !== "", "`stream` is a key");
  for (const [name, value] of Object.entries({ maxLength, maxEventBytes }))
    faults.require(isCount(value, Number.MAX_SAFE_INTEGER), `\`${name}\` is a positive whole number`);
  faults.throwIfAny();
  // without a listener, a client ends the process when its connection breaks
  client.on("error", () => {});

  async function add(events: readonly OutgoingEvent[]): Promise<void> {
    if (!isConnected(client)) throw away("not_connected", "Redis: the client is not connected.");
    const entries = events.flatMap(({ event, cloudEvent }) => [event.id, event.type, cloudEvent]);
    try {
      await runScript(client, addEvents, stream, [maxLength ?? 0, 2 * batchSize, ...entries]);
    } catch (error) {
      throw explained(error, stream);
    }
  }

  return {
    ...choiceOf(options, "redis-streams"),
    deliver: (events, signal) =>
      untilAborted(signal, async () => {
        const isTooBig = ({ cloudEvent }: OutgoingEvent) => Buffer.byteLength(cloudEvent) > maxEventBytes;
        const fitting = events.filter((event) => !isTooBig(event));
        for (const portion of inPortions(fitting, maxPortionBytes)) {
          signal.throwIfAborted();
          await add(portion);
        }
        return events
          .filter(isTooBig)
          .map(({ event }): Refusal => ({ id: event.id, reason: "too_big", isFinal: true }));
      }),
  };
}

/** All or none of them. Looks for what is sent again among as many entries as a batch and the one before it can have. */
const addEvents = redisScript(`local seen = {}
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', ARGV[2])) do
  for at = 1, #entry[2], 2 do
    if entry[2][at] == 'id' then seen[entry[2][at + 1]] = true end
  end
end
for at = 3, #ARGV, 3 do
  if not seen[ARGV[at]] then
    redis.call('XADD', KEYS[1], '*', 'id', ARGV[at], 'type', ARGV[at + 1], 'event', ARGV[at + 2])
  end
end
if ARGV[1] ~= '0' then redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[1]) end
return 1`);

/** A client that is not connected keeps what it is given, without a bound: it is not given anything. */
function isConnected(client: IoRedisClient | NodeRedisClient): boolean {
  if ("evalSha" in client) return client.isReady ?? true;
  return client.status === undefined || client.status === "ready";
}

function explained(error: unknown, stream: string): Error {
  const said = error instanceof Error ? error.message : "";
  if (said.includes("WRONGTYPE"))
    return away(`wrong_type: ${stream}`, `Redis: the key ${stream} holds something else than a stream.`);
  // an error of a client carries the command, and so the events: only what the server calls it goes on
  const word = /^-?([A-Z]{2,20})\b/.exec(said)?.[1] ?? "no_answer";
  return away(word, `Redis: the server did not take the events (${word}).`);
}

// The stream that takes the events, and somebody who reads it.
import { jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect, nanos } from "@nats-io/transport-node";

export interface StreamMessage {
  readonly id: string;
  readonly type: string;
}

export async function createStream(url: string): Promise<void> {
  const connection = await connect({ servers: url });
  const { streams } = await jetstreamManager(connection);
  await streams.add({
    name: "IDENTITY",
    subjects: ["segno.>"],
    storage: StorageType.File,
    duplicate_window: nanos(120_000),
  });
  await connection.close();
}

/** Everything that is in the stream, oldest first. */
export async function readStream(url: string): Promise<StreamMessage[]> {
  const connection = await connect({ servers: url });
  try {
    const consumer = await jetstream(connection).consumers.get("IDENTITY");
    const { num_pending: waiting } = await consumer.info(true);
    const read: StreamMessage[] = [];
    if (waiting === 0) return read;
    for await (const message of await consumer.fetch({ max_messages: waiting, expires: 2_000 }))
      read.push({ id: message.headers?.get("Nats-Msg-Id") ?? "", type: message.subject.replace("segno.", "") });
    return read;
  } finally {
    await connection.close();
  }
}

import { createLocalKeySet, createStatusList } from "@segno/core";
import { check } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";
import { createSigningKey, issuer, listServer, signStatusList, statusListPlaces, statusListUri } from "../tokens.ts";

const key = createSigningKey();
const million = 1_000_000;

/** What a verifier keeps and what the wire carries, for a million places, with none, few and many revoked. */
const statusList: Bench = {
  name: "status-list",
  async run({ smoke }: RunOptions): Promise<readonly Row[]> {
    const rows: Row[] = [];
    for (const share of smoke ? [0] : [0, 0.0001, 0.01, 0.1]) {
      const revoked = Array.from({ length: statusListPlaces }, (_, place) => place).filter(() => Math.random() < share);
      const token = signStatusList(key, revoked);
      const keys = createLocalKeySet({ keys: [key.publicJwk] });
      const list = createStatusList({ issuer, keys, fetch: listServer(() => token) });
      const started = performance.now();
      const isFirstRevoked = await list.isRevoked({ status: { status_list: { idx: 0, uri: statusListUri } } });
      const took = performance.now() - started;
      check(isFirstRevoked === revoked.includes(0), "the list says otherwise");
      const bytes = list.state()[0]?.bytes ?? 0;
      const perMillion = (figure: number) => (figure / statusListPlaces) * million;
      rows.push(
        row({
          name: `status-list-wire-${share * 100}-percent`,
          unit: "bytes / 1000 places",
          ours: token.length / (statusListPlaces / 1_000),
          reference: 125,
          ratio: token.length / (statusListPlaces / 8),
          note: `${token.length} bytes for ${statusListPlaces} places, ${revoked.length} of them revoked; read and checked in ${took.toFixed(1)} ms`,
        }),
        row({
          name: `status-list-memory-${share * 100}-percent`,
          unit: "bytes / million places",
          ours: perMillion(bytes),
          reference: 125_000,
          ratio: perMillion(bytes) / 125_000,
          atMost: 1.001,
        }),
      );
    }
    return rows;
  },
};

export const statusListBenches: readonly Bench[] = [statusList];

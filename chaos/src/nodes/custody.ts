import type { SegnoOptions } from "@segno/server";
import { type KeyCustody, type RemoteCustody, vaultRemote, vaultWrapped } from "@segno/server/custody";

/** Where a node keeps its keys. */
export type CustodyOptions =
  | {
      readonly kind: "vault";
      readonly mode: "wrapped" | "remote";
      readonly address: string;
      readonly mount: string;
      readonly token: string;
    }
  /** In the open: for the row that steals a key. */
  | { readonly kind: "open" };

type Keys = NonNullable<SegnoOptions["keys"]>;

/** How many signatures are asked for at the same time. */
export interface InFlight {
  now: number;
  most: number;
}

export function custodyOf(options: CustodyOptions | undefined, inFlight: InFlight): Pick<Keys, "custody"> {
  if (options === undefined) return {};
  if (options.kind === "open") return { custody: openCustody };
  const { address, mount, token } = options;
  const given = { address, mount, login: { method: "token", token } } as const;
  return { custody: options.mode === "wrapped" ? vaultWrapped(given) : counted(vaultRemote(given), inFlight) };
}

function counted(custody: RemoteCustody, inFlight: InFlight): RemoteCustody {
  return {
    ...custody,
    async sign(input, key, signal) {
      inFlight.now += 1;
      inFlight.most = Math.max(inFlight.most, inFlight.now);
      try {
        return await custody.sign(input, key, signal);
      } finally {
        inFlight.now -= 1;
      }
    },
  };
}

/** Wraps nothing. */
const openCustody: KeyCustody = {
  mode: "wrapped",
  name: "open",
  wrap: async (plain) => Buffer.from(plain).toString("base64"),
  unwrap: async (wrapped) => Buffer.from(wrapped, "base64"),
  check: async () => {},
};

import {
  createRemoteKeySet,
  createStatusList,
  type Clock,
  type KeySet,
  type RemoteKeySetOptions,
  type SigningAlgorithm,
  type StatusList,
} from "@segno/core";

/** Where what an issuer publishes comes from. */
export interface IssuerSources {
  readonly keys: KeySet;
  /** Undefined where revocation is not looked up. */
  readonly statusList: StatusList | undefined;
}

export interface IssuerSourcesInput {
  readonly issuer: string;
  readonly jwksUrl?: string;
  readonly verifierName?: string;
  readonly keys?: KeySet;
  readonly statusList?: StatusList | false;
  readonly algorithms?: readonly SigningAlgorithm[];
  readonly clock?: Clock;
  readonly fetch?: NonNullable<RemoteKeySetOptions["fetch"]>;
}

/** One poller an issuer, however many routes name it. */
const shared = new Map<string, IssuerSources>();

/** Key set and status list of an issuer: those given, else those that every route of this process shares. */
export function issuerSources(input: IssuerSourcesInput): IssuerSources {
  if (input.keys !== undefined && input.jwksUrl !== undefined) throw new TypeError("Give keys or jwksUrl, not both.");
  const { keys, statusList, clock, fetch } = input;
  if (keys !== undefined || statusList !== undefined || clock !== undefined || fetch !== undefined) return make(input);
  const { issuer, jwksUrl, algorithms, verifierName } = input;
  const name = JSON.stringify([issuer, jwksUrl, algorithms, verifierName]);
  const known = shared.get(name) ?? make(input);
  shared.set(name, known);
  return known;
}

function make(input: IssuerSourcesInput): IssuerSources {
  const { issuer, algorithms, clock, fetch, statusList, verifierName } = input;
  const common = { ...(clock && { clock }), ...(fetch && { fetch }) };
  const url = input.jwksUrl ?? `${issuer.replace(/\/$/, "")}/.well-known/jwks.json`;
  const keys =
    input.keys ?? createRemoteKeySet({ url, ...common, ...(verifierName !== undefined && { verifierName }) });
  if (statusList === false) return { keys, statusList: undefined };
  return {
    keys,
    statusList: statusList ?? createStatusList({ issuer, keys, ...common, ...(algorithms && { algorithms }) }),
  };
}

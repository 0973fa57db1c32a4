import { eventSchemaVersions } from "@segno/core";
import { parseIpRange } from "../../http/ip-address.js";
import type { EventSink } from "../sink.js";

/** Collects what is wrong with options, so that all of it is told at once. */
export interface OptionFaults {
  /** Says something unless it holds. `what` begins with the option's name and never holds its value. */
  readonly require: (holds: boolean, what: string) => void;
  /** @throws TypeError with everything that was said, if anything was */
  readonly throwIfAny: () => void;
}

export function createOptionFaults(sink: string): OptionFaults {
  const faults: string[] = [];
  return {
    require: (holds, what) => {
      if (!holds) faults.push(what);
    },
    throwIfAny: () => {
      if (faults.length > 0) throw new TypeError(`${sink}: ${faults.join("; ")}.`);
    },
  };
}

type Choice = Pick<EventSink, "types" | "tenants" | "batchSize"> & { readonly name?: string };

export function checkChoice(faults: OptionFaults, choice: Choice): void {
  const { name, types, tenants, batchSize } = choice;
  const isName = typeof name === "string" && /^[a-z][a-z0-9-]{0,39}$/.test(name);
  faults.require(isName, '`name` is up to 40 lower-case letters, digits and "-", a letter first');
  const isTypes = types === undefined || (isTextList(types) && types.every(isFilter));
  faults.require(isTypes, "`types` is a list of event types, or families such as `login.*`");
  faults.require(tenants === undefined || isTextList(tenants), "`tenants` is a list of ids");
  faults.require(isCount(batchSize, 1_000), "`batchSize` is a whole number from 1 to 1000");
}

interface HttpChoice {
  readonly url: string;
  readonly allowAddresses?: readonly string[];
  readonly ca?: string | readonly string[];
  readonly timeoutMs?: number;
}

/** What can be said of the way to a receiver before it is taken. */
export function checkHttpChoice(faults: OptionFaults, { url, allowAddresses, ca, timeoutMs }: HttpChoice): void {
  const isUrl = typeof url === "string" && url.length <= 2_048 && URL.canParse(url);
  faults.require(isUrl, "`url` is an absolute URL such as https://hooks.example.com/segno");
  const isRanges =
    allowAddresses === undefined ||
    (isTextList(allowAddresses) && allowAddresses.every((range) => parseIpRange(range) !== undefined));
  faults.require(isRanges, "`allowAddresses` is a list of addresses and ranges such as 10.0.4.0/24");
  const isPem =
    ca === undefined || [ca].flat().every((each) => typeof each === "string" && each.includes("-----BEGIN"));
  faults.require(isPem, "`ca` is certificates as PEM");
  faults.require(isCount(timeoutMs, 60_000), "`timeoutMs` is a whole number from 1 to 60000");
}

/** True for what is left out, too. */
export function isCount(value: unknown, most: number): boolean {
  return value === undefined || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most);
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string" && each !== "");
}

function isFilter(filter: string): boolean {
  const types = Object.keys(eventSchemaVersions);
  return filter.endsWith(".*") ? types.some((type) => type.startsWith(filter.slice(0, -1))) : types.includes(filter);
}

/** An address as bytes: 4 for IPv4, 16 for IPv6. IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address. */
export type IpAddress = Uint8Array;

/** Reads one address, with or without brackets, zone and port. `undefined` for anything else. */
export function parseIp(text: string): IpAddress | undefined {
  const bracketed = /^\[([^\]]{2,64})\](?::\d{1,5})?$/.exec(text);
  if (bracketed !== null) return parseIpv6(bracketed[1] ?? "");
  if (text.length > 64) return undefined;
  const withPort = /^([\d.]+):\d{1,5}$/.exec(text);
  return text.includes(":") && withPort === null ? parseIpv6(text) : parseIpv4(withPort?.[1] ?? text);
}

/** Four decimal numbers; a leading zero would be octal to some and decimal to others, so it is refused. */
function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): IpAddress | undefined {
  const [address = "", ...zone] = text.split("%");
  if (zone.length > 1) return undefined;
  const halves = address.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? "", true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: gap }, () => 0), ...tail];
  const bytes = Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return isMapped ? bytes.slice(12) : bytes;
}

/** 16-bit groups; the last two may be spelled as an IPv4 address where `mayEndInIpv4`. */
function groupsOf(text: string, mayEndInIpv4: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const last = parts.at(-1) ?? "";
  const ipv4 = last.includes(".") && mayEndInIpv4 ? parseIpv4(last) : undefined;
  const hex = ipv4 === undefined ? parts : parts.slice(0, -1);
  if (!hex.every((part) => /^[0-9a-f]{1,4}$/i.test(part))) return undefined;
  const groups = hex.map((part) => Number.parseInt(part, 16));
  if (ipv4 !== undefined) groups.push(((ipv4[0] ?? 0) << 8) | (ipv4[1] ?? 0), ((ipv4[2] ?? 0) << 8) | (ipv4[3] ?? 0));
  return groups;
}

/** What limits count by: an IPv4 address, or the /64 an IPv6 customer is given. One spelling for each. */
export function bucketOf(address: IpAddress): string {
  if (address.length === 4) return address.join(".");
  const groups = [0, 2, 4, 6].map((at) => (((address[at] ?? 0) << 8) | (address[at + 1] ?? 0)).toString(16));
  return `${groups.join(":")}::/64`;
}

/**
 * The network around a bucket of `bucketOf`: the /24 of an IPv4 address, the /48 of an IPv6 one. Whoever has one address of
 * it can often get the others, and few people in one network ask for the same thing. Other text is its own network.
 */
export function networkOf(bucket: string): string {
  const v4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(bucket);
  if (v4 !== null) return `${v4[1]}.0/24`;
  const v6 = /^([\da-f]+:[\da-f]+:[\da-f]+):[\da-f]+::\/64$/.exec(bucket);
  return v6 === null ? bucket : `${v6[1]}::/48`;
}

export interface IpRange {
  readonly address: IpAddress;
  readonly prefixBits: number;
}

/** An address or CIDR; `undefined` when it is neither, or when bits are set behind the prefix. */
export function parseIpRange(text: string): IpRange | undefined {
  const [first = "", prefix, ...rest] = text.split("/");
  const address = /[[\]%]/.test(first) ? undefined : parseIp(first);
  if (address === undefined || rest.length > 0) return undefined;
  const allBits = address.length * 8;
  if (prefix === undefined) return { address, prefixBits: allBits };
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > allBits) return undefined;
  const range = { address, prefixBits: Number(prefix) };
  const isNetwork = address.every((byte, index) => (byte & ~maskAt(range.prefixBits, index) & 255) === 0);
  return isNetwork ? range : undefined;
}

export function isInRange(address: IpAddress, range: IpRange): boolean {
  if (address.length !== range.address.length) return false;
  return address.every((byte, index) => {
    const mask = maskAt(range.prefixBits, index);
    return (byte & mask) === ((range.address[index] ?? 0) & mask);
  });
}

function maskAt(prefixBits: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixBits - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}

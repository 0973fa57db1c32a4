import { type IpAddress, type IpRange, isInRange, parseIp, parseIpRange } from "./ip-address.js";

/**
 * Where no request of ours goes unless it is listed: whatever is not the public internet. After the IANA registries of
 * special-purpose addresses (RFC 6890), with what clouds answer metadata on.
 */
const refusedIpv4 = rangesOf([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32", // Azure's metadata, in the middle of public addresses
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
]);

/** All public IPv6 addresses of today are in here: loopback, link-local, unique local, multicast and NAT64 are not. */
const publicIpv6 = rangesOf(["2000::/3"]);

const refusedIpv6 = rangesOf([
  "2001::/23", // Teredo and other assignments that hold an IPv4 address or none at all
  "2001:db8::/32",
  "2002::/16", // 6to4: the IPv4 address within may be any
  "3ffe::/16",
  "3fff::/20",
]);

/** Whether a connection to this address may be made. */
export type AddressPolicy = (address: IpAddress) => boolean;

/** @param allowed ranges that may be reached although they are not public */
export function createAddressPolicy(allowed: readonly IpRange[]): AddressPolicy {
  return (address) => isPublic(address) || allowed.some((range) => isInRange(address, range));
}

function isPublic(address: IpAddress): boolean {
  const within = (range: IpRange): boolean => isInRange(address, range);
  if (address.length === 4) return !refusedIpv4.some(within);
  // ISATAP (RFC 5214) keeps an IPv4 address in the second half.
  const isIsatap = (address[8] === 0 || address[8] === 2) && address[9] === 0 && isIsatapMark(address);
  return publicIpv6.some(within) && !refusedIpv6.some(within) && !isIsatap;
}

function isIsatapMark(address: IpAddress): boolean {
  return address[10] === 0x5e && address[11] === 0xfe;
}

/** The text of an address as `AddressPolicy` takes it; what is no address is refused. */
export function isAllowedText(policy: AddressPolicy, text: string): boolean {
  const address = parseIp(text);
  return address !== undefined && policy(address);
}

function rangesOf(texts: readonly string[]): readonly IpRange[] {
  return texts.map((text) => {
    const range = parseIpRange(text);
    if (range === undefined) throw new TypeError(`${text} is no range of addresses.`);
    return range;
  });
}

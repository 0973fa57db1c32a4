/** A place in a trace: W3C Trace Context Level 1, section 3.2. */
export interface Traceparent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** Of the caller's span: 16 lower-case hex digits, not all zero. */
  readonly spanId: string;
  /** Bit 0: the caller records. */
  readonly flags: number;
}

/**
 * Reads a `traceparent` header. Undefined for what is not well-formed, which a receiver must ignore (section 4.3). Says
 * nothing about whether the sender is to be believed.
 */
export function parseTraceparent(text: string | null | undefined): Traceparent | undefined {
  if (text === null || text === undefined || text.length < 55 || text.length > 256) return undefined;
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text);
  const [, version, traceId, spanId, flags, rest] = match ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** Writes it as version 00. */
export function formatTraceparent({ traceId, spanId, flags }: Traceparent): string {
  return `00-${traceId}-${spanId}-${(flags & 0xff).toString(16).padStart(2, "0")}`;
}

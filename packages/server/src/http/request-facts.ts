import type { DeviceClass } from "@segno/core";
import type { SegnoOptions } from "../config.js";
import type { Logger, RequestFacts } from "../engine.js";
import type { Incoming } from "./incoming.js";
import type { RouteContext } from "./route.js";
import { parseTraceparent } from "./traceparent.js";

const plain = /^[A-Za-z0-9._-]{1,64}$/;

type FactsOf = (request: Incoming, cookies: RouteContext["cookies"], clientIp: string) => RequestFacts;

/**
 * What events say of where a request comes from. Nothing else reads it. A resolver that throws, or answers what is no
 * plain name, answers nothing: no request fails for its telemetry.
 */
export function createRequestFacts(
  parts: {
    readonly log: Logger;
    readonly deviceIdOf: (cookies: RouteContext["cookies"]) => string | undefined;
    readonly deviceClassOf: (userAgent: string | null) => DeviceClass;
    readonly networkIdOf: (clientIp: string) => string | undefined;
  },
  {
    tenant,
    experiment,
    place,
  }: { readonly [Name in "tenant" | "experiment" | "place"]: SegnoOptions[Name] | undefined },
): FactsOf {
  let isTold = false;
  const tellOnce = (option: string) => {
    if (!isTold) parts.log.warn(`The option ${option} threw or gave no plain name of at most 64 characters.`);
    isTold = true;
  };
  const ask = <Answer>(option: string, resolver: (() => Answer) | undefined): Answer | undefined => {
    try {
      return resolver?.() ?? undefined;
    } catch {
      tellOnce(option);
      return undefined;
    }
  };
  const named = <Name extends string>(name: Name, value: unknown): { readonly [Key in Name]?: string } => {
    if (value === undefined || value === null) return {};
    if (typeof value === "string" && plain.test(value)) return { [name]: value } as { [Key in Name]: string };
    tellOnce(name);
    return {};
  };
  const placed = (
    at: { readonly latitude: number; readonly longitude: number } | null | undefined,
  ): { place?: string } => {
    if (at === undefined || at === null) return {};
    const [latitude, longitude] = [Math.round(at.latitude), Math.round(at.longitude)];
    if (Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) return { place: `${latitude + 0},${longitude + 0}` };
    tellOnce("place");
    return {};
  };
  return (request, cookies, clientIp) => {
    const deviceId = parts.deviceIdOf(cookies);
    const traceId = parseTraceparent(request.headers.get("traceparent"))?.traceId;
    const trial = ask("experiment", experiment && (() => experiment(request)));
    return {
      deviceClass: parts.deviceClassOf(request.headers.get("user-agent")),
      ...(deviceId === undefined ? {} : { deviceId }),
      ...(traceId === undefined ? {} : { traceId }),
      ...named("networkId", parts.networkIdOf(clientIp)),
      ...placed(ask("place", place && (() => place(request)))),
      ...named("tenantId", ask("tenant", tenant && (() => tenant(request)))),
      ...named("experiment", trial?.experiment),
      ...named("variant", trial?.variant),
    };
  };
}

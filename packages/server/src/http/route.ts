import type { Authentication, AuthState, PeerCertificate, SignInMethod } from "@segno/core";
import type { GenericSchema } from "valibot";
import type { Actor } from "../engine.js";
import type { ErrorForm } from "./error-response.js";
import type { Incoming } from "./incoming.js";

/** What a handler gets: parsed input and who is asking. Nothing here is taken on trust from the client. */
export interface RouteContext<Body = undefined> {
  readonly request: Incoming;
  readonly requestId: string;
  readonly body: Body;
  /** Path parameters by name, decoded and length-checked. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The resolved client address bucket (IPv6 by /64), or `unknown`. */
  readonly clientIp: string;
  readonly auth: AuthState;
  /** For routes with `access: "session"`: the caller. Throws `unauthenticated` elsewhere. */
  readonly caller: () => Authentication;
  /** Who to name in events. */
  readonly actor: Actor;
  /** The client certificate the request came with, by the socket or by a listed proxy's header. */
  readonly certificate: () => PeerCertificate | undefined;
  readonly cookies: RouteCookies;
}

export interface RouteCookies {
  /**
   * The browser handle of the `Segno-Browser` header, else of the tx cookie; made when absent. The cookie is set anew, so
   * that it outlives what begins now.
   */
  browser(): string;
  /** The browser handle if the request carried one. */
  existingBrowser(): string | undefined;
  /** What the cookie for known browsers holds, unchecked. */
  known(): string | undefined;
  setKnown(value: string): void;
  /** The session token as presented. */
  sessionToken(): string | undefined;
  setSession(token: string, maxAgeSeconds: number): void;
  clearSession(): void;
}

/** What a handler answers: JSON by default. */
export interface Reply {
  readonly status?: number;
  readonly json?: unknown;
  readonly html?: string;
  /** Ready-made text; its media type stands in `headers`. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `secevent` is `application/secevent+jwt`: the text as it is. */
export type BodyEncoding = "json" | "form" | "secevent";

export interface Route<Body = unknown> {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below the base path, `{name}` for parameters: `/v1/sessions/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  /** `session`: a good session or first-party access token, else 401. `public`: anyone; `auth` still tells who. */
  readonly access: "public" | "session";
  /** Ask the store, not a cache, who is calling. */
  readonly fresh?: boolean;
  /** Read the caller's account along, for a route that shows it. */
  readonly withAccount?: boolean;
  /** Validates the body and generates its OpenAPI schema. Absent: the body must be empty. */
  readonly body?: GenericSchema<unknown, Body>;
  /** Body encodings accepted. Default `["json"]`. */
  readonly encodings?: readonly BodyEncoding[];
  /** Form fields that may come more than once: lists in the body. */
  readonly repeatable?: readonly string[];
  /** Documented answers by status. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema?: GenericSchema }>>;
  /** `oauth` answers errors in RFC 6749 form, `secevent` in that of RFC 8935, `html` as a readable page. Default `problem`. */
  readonly errors?: ErrorForm;
  /** Origin and Fetch-Metadata are checked on unsafe methods unless the credential is in the body or header (`/oauth2/*`). */
  readonly crossSite?: boolean;
  /** Largest body in bytes. Default 16 KiB. */
  readonly maxBodyBytes?: number;
  /** Query parameters by name with what they mean, for the documentation. */
  readonly query?: Readonly<Record<string, string>>;
  /**
   * Which limit per client address counts it. Default: `read` for GET, `token` for `/oauth2/*`, else `attempt` for
   * public routes and `write` for the rest. `none` is for liveness, and for what is answered from memory to verifiers that
   * fail closed without it.
   */
  readonly rate?: "read" | "write" | "report" | "attempt" | "token" | "none";
  /** A step of a sign-in or step-up by this method: whatever refuses it is a `login.failure`. */
  readonly ceremony?: SignInMethod;
  readonly handle: (context: RouteContext<Body>) => Promise<Reply>;
}

/** Gives a route literal its body type. */
export function defineRoute<Body>(route: Route<Body>): Route {
  return route as unknown as Route;
}

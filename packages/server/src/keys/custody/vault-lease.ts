import { isSegnoError } from "@segno/core";
import { callCustody, custodyFault } from "./custody-fault.js";
import { loginVault, renewVault, type VaultAuth } from "./vault-login.js";
import { requestVault } from "./vault-request.js";
import type { VaultSettings } from "./vault-options.js";

/** A token of ours, kept alive. */
export interface VaultLease {
  /** A token that is good as far as is known. Signs in when there is none; many callers share one login. */
  token(signal: AbortSignal): Promise<string>;
  /** Says that a token was refused. @returns whether asking for another one makes sense */
  forget(token: string): boolean;
  /** Renews when it is time; signs in anew when that is refused. Never rejects. */
  keep(): Promise<void>;
  close(): Promise<void>;
}

interface Held extends VaultAuth {
  readonly sinceMs: number;
  readonly renewAtMs: number;
  readonly endsAtMs: number;
}

const callTimeoutMs = 10_000;
/** After a failed login the same fault is told for this long, instead of asking again. */
const loginPauseMs = 1_000;
/** A token refused so soon after it was got is refused by policy: another one would be too. */
const hopelessMs = 5_000;
const longestTimerMs = 2_147_483_647;

export interface LeaseParts {
  readonly settings: VaultSettings;
  /** 0 to 1: how early a renewal is, so that many nodes do not renew together. */
  readonly jitter: () => number;
}

export function createVaultLease({ settings, jitter }: LeaseParts): VaultLease {
  const { clock } = settings;
  let held: Held | undefined;
  let lastFault: { readonly error: unknown; readonly untilMs: number } | undefined;
  let loginUnderWay: Promise<string> | undefined;
  let keepUnderWay: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;

  function hold(auth: VaultAuth): void {
    const nowMs = clock.nowMs();
    const leaseMs = auth.leaseSeconds === 0 ? Number.MAX_SAFE_INTEGER : auth.leaseSeconds * 1_000;
    // Between half and two thirds of the lease.
    const renewAtMs = nowMs + Math.floor((leaseMs * (4 - jitter())) / 6);
    held = { ...auth, sinceMs: nowMs, renewAtMs, endsAtMs: nowMs + leaseMs };
    wakeAt(renewAtMs);
  }

  /** An idle process keeps its lease too. The timer holds no process alive. */
  function wakeAt(atMs: number): void {
    clearTimeout(timer);
    const waitMs = Math.max(atMs - clock.nowMs(), 50);
    if (!isClosed && waitMs <= longestTimerMs) timer = setTimeout(() => void keep(), waitMs).unref();
  }

  function login(): Promise<string> {
    if (lastFault !== undefined && clock.nowMs() < lastFault.untilMs) return Promise.reject(lastFault.error);
    loginUnderWay ??= loginVault(settings, AbortSignal.timeout(callTimeoutMs))
      .then(
        (auth) => {
          lastFault = undefined;
          if (isClosed) throw custodyFault("vault", "this custody is closed.");
          hold(auth);
          return auth.token;
        },
        (error: unknown) => {
          lastFault = { error, untilMs: clock.nowMs() + loginPauseMs };
          throw error;
        },
      )
      .finally(() => {
        loginUnderWay = undefined;
      });
    return loginUnderWay;
  }

  async function renewOrLogin(current: Held): Promise<void> {
    if (!current.isRenewable) return void (await login());
    try {
      const renewed = await renewVault(settings, current, AbortSignal.timeout(callTimeoutMs));
      if (held?.token !== current.token) return;
      // Near its longest life a token gets ever shorter leases: then a new one is better.
      if (renewed !== undefined && renewed.leaseSeconds * 2 > current.leaseSeconds) return hold(renewed);
    } catch (error) {
      const status = isSegnoError(error) ? error.detail["status"] : undefined;
      const isRefused = typeof status === "number" && status >= 400 && status < 500 && status !== 429;
      if (!isRefused) throw error;
    }
    await login();
  }

  function keep(): Promise<void> {
    const current = held;
    if (isClosed || current === undefined) return Promise.resolve();
    if (clock.nowMs() < current.renewAtMs) {
      wakeAt(current.renewAtMs);
      return Promise.resolve();
    }
    keepUnderWay ??= renewOrLogin(current)
      .catch(() => {
        if (held !== current) return;
        // The token still works: try again within what is left of it, and let callers go on meanwhile.
        const nowMs = clock.nowMs();
        const pauseMs = Math.max(Math.min((current.endsAtMs - nowMs) / 3, 30_000), 1_000) * (1 - jitter() / 2);
        held = { ...current, renewAtMs: nowMs + pauseMs };
        wakeAt(held.renewAtMs);
      })
      .finally(() => {
        keepUnderWay = undefined;
      });
    return keepUnderWay;
  }

  return {
    async token(signal) {
      if (isClosed) throw custodyFault("vault", "this custody is closed.");
      if (held !== undefined && clock.nowMs() < held.endsAtMs) {
        if (clock.nowMs() >= held.renewAtMs) void keep();
        return held.token;
      }
      held = undefined;
      return await callCustody({ custody: "vault", verb: "sign in", signal }, login);
    },
    forget(token) {
      if (held?.token !== token) return true;
      if (clock.nowMs() - held.sinceMs < hopelessMs) return false;
      held = undefined;
      return true;
    },
    keep,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      const last = held;
      held = undefined;
      if (last?.isOurs !== true) return;
      const request = {
        method: "POST",
        path: "auth/token/revoke-self",
        verb: "give its token back",
        body: {},
      } as const;
      const signal = AbortSignal.timeout(2_000);
      await requestVault(settings, { ...request, token: last.token }, signal).catch(() => undefined);
    },
  };
}

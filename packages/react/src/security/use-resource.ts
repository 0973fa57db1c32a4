import type { ClientError, Result } from "@segno/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { useSegno } from "../context.js";
import { useSecurityMessages } from "./use-security-messages.js";

export interface Resource<T> {
  readonly data: T | null;
  readonly error: ClientError | null;
  /** What to read out after a change. */
  readonly notice: string;
  /** Makes a change, with a step-up when the service asks for one, then reads the list again. One change at a time. */
  readonly change: (call: () => Promise<Result<unknown>>) => Promise<boolean>;
  readonly reload: () => Promise<void>;
}

/** A list of the account that the person can change. @param load must keep its identity */
export function useResource<T>(load: () => Promise<Result<T>>): Resource<T> {
  const { stepUp } = useSegno();
  const messages = useSecurityMessages();
  const [data, setData] = useState<T | null>(null);
  const [error, setError] = useState<ClientError | null>(null);
  const [notice, setNotice] = useState("");
  const isBusy = useRef(false);
  const reload = useCallback(async () => {
    const result = await load();
    if (result.error === null) setData(result.data);
    setError(result.error);
  }, [load]);
  useEffect(() => void reload(), [reload]);
  const change = async (call: () => Promise<Result<unknown>>): Promise<boolean> => {
    if (isBusy.current) return false;
    isBusy.current = true;
    setNotice("");
    setError(null);
    const result = await stepUp.actions.run(call);
    isBusy.current = false;
    if (result.error !== null) {
      setError(result.error);
      return false;
    }
    setNotice(messages.done);
    await reload();
    return true;
  };
  return { data, error, notice, change, reload };
}

import { type ReactNode, useRef, useState } from "react";
import { fill } from "../messages/messages.js";
import { Button, Field, submit } from "../parts.js";
import { useSecurityMessages } from "./use-security-messages.js";

interface ItemProps {
  readonly name: string;
  readonly details: string;
  readonly removeLabel: string;
  readonly onRename: (name: string) => Promise<boolean>;
  readonly onRemove: () => void;
}

/** One passkey or session: its name, what is known about it, rename and remove. */
export function Item({ name, details, removeLabel, onRename, onRemove }: ItemProps): ReactNode {
  const messages = useSecurityMessages();
  const [isEditing, setEditing] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => {
    setEditing(false);
    opener.current?.focus();
  };
  return (
    <li data-part="item">
      <b dir="auto">{name}</b>
      <span data-part="note">{details}</span>
      {isEditing && (
        <form
          onSubmit={submit(async (form) => {
            const next = String(new FormData(form).get("name")).trim();
            if (next === "" || next === name || (await onRename(next))) close();
          })}
        >
          <Field label={messages.name} name="name" defaultValue={name} autoFocus autoComplete="off" maxLength={64} />
          <Button part="primary" type="submit">
            {messages.save}
          </Button>
          <Button part="link" onClick={close}>
            {messages.cancel}
          </Button>
        </form>
      )}
      <Button part="link" ref={opener} aria-expanded={isEditing} onClick={() => setEditing(!isEditing)}>
        {fill(messages.rename, { name })}
      </Button>
      <Button part="danger" onClick={onRemove}>
        {removeLabel}
      </Button>
    </li>
  );
}

/** A date and time in the reader's own language. */
export function when(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

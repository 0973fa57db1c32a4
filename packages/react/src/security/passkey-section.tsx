import { addPasskey, listPasskeys, removePasskey } from "@segno/signin";
import { type ReactNode, useCallback } from "react";
import { fill } from "../messages/messages.js";
import { Button, Live, Problem } from "../parts.js";
import { useSegno } from "../context.js";
import { Item, when } from "./item.js";
import { useResource } from "./use-resource.js";
import { useSecurityMessages } from "./use-security-messages.js";

/** The passkeys of the account: add, rename, remove. */
export function PasskeySection(): ReactNode {
  const { client } = useSegno();
  const messages = useSecurityMessages();
  const { data, error, notice, change } = useResource(useCallback(() => listPasskeys(client), [client]));
  return (
    <section aria-label={messages.passkeys}>
      <h3>{messages.passkeys}</h3>
      <Live>{notice}</Live>
      <Problem error={error} />
      {data?.passkeys.length === 0 && <p>{messages.noPasskeys}</p>}
      <ul>
        {data?.passkeys.map((passkey) => (
          <Item
            key={passkey.id}
            name={passkey.name}
            details={`${fill(messages.passkeyDetails, {
              created: when(passkey.createdAt),
              used: passkey.lastUsedAt ? when(passkey.lastUsedAt) : messages.neverUsed,
            })}, ${passkey.backedUp ? messages.synced : messages.oneDevice}`}
            removeLabel={fill(messages.remove, { name: passkey.name })}
            onRename={(name) => change(() => client.passkeys.rename(passkey.id, { name }))}
            onRemove={() => void change(() => removePasskey(client, passkey, data.rpId))}
          />
        ))}
      </ul>
      <Button part="primary" onClick={() => void change(() => addPasskey(client))}>
        {messages.addPasskey}
      </Button>
    </section>
  );
}

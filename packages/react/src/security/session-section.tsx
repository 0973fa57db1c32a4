import { type ReactNode, useCallback } from "react";
import { fill } from "../messages/messages.js";
import { Button, Live, Problem } from "../parts.js";
import { useSegno } from "../context.js";
import { Item, when } from "./item.js";
import { useResource } from "./use-resource.js";
import { useSecurityMessages } from "./use-security-messages.js";

/** Where the account is signed in: list, rename, sign out one or all others. */
export function SessionSection(): ReactNode {
  const { client } = useSegno();
  const messages = useSecurityMessages();
  const { data, error, notice, change } = useResource(useCallback(() => client.sessions.list(), [client]));
  return (
    <section aria-label={messages.sessions}>
      <h3>{messages.sessions}</h3>
      <Live>{notice}</Live>
      <Problem error={error} />
      <ul>
        {data?.sessions.map(({ id, deviceName, current, lastSeenAt }) => (
          <Item
            key={id}
            name={deviceName}
            details={fill(messages.lastSeen, { time: when(lastSeenAt) }) + (current ? `, ${messages.thisDevice}` : "")}
            removeLabel={fill(messages.signOutDevice, { name: deviceName })}
            onRename={(name) => change(() => client.sessions.rename(id, { deviceName: name }))}
            onRemove={() => void (current ? client.signOut() : change(() => client.sessions.revoke(id)))}
          />
        ))}
      </ul>
      {(data?.sessions.length ?? 0) > 1 && (
        <Button part="danger" onClick={() => void change(() => client.sessions.revokeMany("others"))}>
          {messages.signOutOthers}
        </Button>
      )}
    </section>
  );
}

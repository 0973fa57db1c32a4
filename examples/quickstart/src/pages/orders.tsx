import type { SegnoClient } from "@segno/client";
import { useStepUp } from "@segno/react";
import { type ReactNode, useState } from "react";

interface Order {
  readonly id: number;
  readonly what: string;
  readonly price: number;
}

export function Orders({ client }: { client: SegnoClient }): ReactNode {
  const [orders, setOrders] = useState<readonly Order[]>([]);
  const [note, setNote] = useState("");

  // client.fetch adds a fresh access token, bound to this browser's key.
  const load = async () => {
    const response = await client.fetch("/api/orders");
    if (!response.ok) return setNote(`The API answered ${response.status}: sign in first.`);
    const body: { orders: Order[] } = await response.json();
    setOrders(body.orders);
    setNote(`The API accepted the access token and sent ${body.orders.length} orders.`);
  };

  // The server asks for a fresh passkey; useStepUp shows the prompt and sends the request again.
  const stepUp = useStepUp();
  const pay = async () => {
    const response = await stepUp.run(() => fetch("/api/transfer", { method: "POST" }));
    setNote(response.ok ? "Paid, confirmed with your passkey." : "Not paid: a passkey is needed to confirm.");
  };

  return (
    <>
      <h1>Orders</h1>
      <p>This page calls an API that trusts nothing but the access token.</p>
      <p className="actions">
        <button type="button" onClick={load}>
          Load my orders
        </button>
        <button type="button" onClick={pay}>
          Pay (asks for your passkey)
        </button>
      </p>
      <p role="status">{note}</p>
      <ul>
        {orders.map((order) => (
          <li key={order.id}>
            {order.what}: {order.price} €
          </li>
        ))}
      </ul>
    </>
  );
}

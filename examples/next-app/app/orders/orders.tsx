"use client";
import { useStepUp } from "@segno/next/client";
import { useState } from "react";
import { client } from "../providers";

interface Order {
  readonly id: number;
  readonly what: string;
  readonly price: number;
}

export function Orders() {
  const [orders, setOrders] = useState<readonly Order[]>([]);
  const [note, setNote] = useState("");

  // client.fetch adds a fresh access token.
  const load = async () => {
    const response = await client.fetch("/api/orders");
    if (!response.ok) return setNote(`The API answered ${response.status}.`);
    const body: { orders: Order[] } = await response.json();
    setOrders(body.orders);
    setNote(`The API accepted the access token and sent ${body.orders.length} orders.`);
  };

  // The server asks for a fresh passkey; useStepUp shows the prompt and sends the request again.
  const { run } = useStepUp();
  const pay = async () => {
    const response = await run(() => fetch("/api/transfer", { method: "POST" }));
    setNote(response?.ok ? "Paid, confirmed with your passkey." : "Not paid: a passkey is needed to confirm.");
  };

  return (
    <>
      <p>
        <button type="button" onClick={load}>
          Load my orders
        </button>{" "}
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

import { auth } from "../../segno";
import { Orders } from "./orders";

export default async function OrdersPage() {
  await auth.protect({ scope: "orders:read" });
  return (
    <>
      <h1>Orders</h1>
      <p>This page calls an API that wants an access token, and one that wants a fresh passkey.</p>
      <Orders />
    </>
  );
}

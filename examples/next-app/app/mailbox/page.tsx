import { notFound } from "next/navigation";
import { connection } from "next/server";
import { segno } from "../../segno";

/** The built-in mailbox, which only exists where no mail transport is set. Reload to see new mail. */
export default async function Mailbox() {
  await connection();
  const { mailbox } = segno();
  if (mailbox === undefined) notFound();
  const mails = mailbox.messages().toReversed();
  return (
    <>
      <h1>Mailbox</h1>
      {mails.length === 0 && <p>No mail yet.</p>}
      {mails.map((mail, index) => (
        <article key={mails.length - index}>
          <h2>{mail.subject}</h2>
          <p>To {mail.to}</p>
          <pre>{mail.text}</pre>
        </article>
      ))}
    </>
  );
}

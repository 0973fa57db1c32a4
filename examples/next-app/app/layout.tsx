import "@segno/react/styles.css";
import "./globals.css";
import Link from "next/link";
import type { ReactNode } from "react";
import { getInitialSession } from "../segno";
import { Navigation } from "./navigation";
import { Providers } from "./providers";

export const metadata = { title: "Segno in Next", icons: { icon: "data:," } };

export default async function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Providers initialSession={await getInitialSession()}>
          <header>
            <Link href="/">Segno in Next</Link>
            <Navigation />
          </header>
          <main>{children}</main>
        </Providers>
      </body>
    </html>
  );
}

// An authority and the certificates of a few clients, made by OpenSSL in a folder of their own.
import { execFileSync } from "node:child_process";
import { hash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  /** Files of the same. */
  readonly certFile: string;
  readonly keyFile: string;
  /** SHA-256 of the DER, base64url. */
  readonly thumbprint: string;
}

export interface TestAuthority {
  readonly ca: string;
  readonly caFile: string;
  /** A certificate that the authority signed. */
  issue(name: string, subject: string, names?: readonly string[]): TestCertificate;
  /** One that nobody signed but itself. */
  selfSign(name: string, subject: string, names?: readonly string[]): TestCertificate;
  remove(): void;
}

export const noOpenssl: string | undefined = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "skipped: openssl not installed";
  }
})();

const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

export function createAuthority(): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), "segno-tls-"));
  const file = (name: string): string => join(folder, name);
  const run = (...args: readonly string[]): void => void execFileSync("openssl", args, { stdio: "ignore" });
  run(
    "req",
    "-x509",
    ...fresh,
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
    "-days",
    "2",
    "-subj",
    "/CN=Test CA",
  );

  const read = (name: string): TestCertificate => {
    const cert = readFileSync(file(`${name}.pem`), "utf8");
    return {
      cert,
      key: readFileSync(file(`${name}.key`), "utf8"),
      certFile: file(`${name}.pem`),
      keyFile: file(`${name}.key`),
      thumbprint: hash("sha256", new X509Certificate(cert).raw, "base64url"),
    };
  };
  /** A section, not an option: only there may a name hold a comma. */
  const configOf = (name: string, names: readonly string[]): string => {
    const lines = names.map((entry, index) => entry.replace(":", `.${index + 1} = `));
    const extension = names.length === 0 ? "" : "subjectAltName = @names";
    writeFileSync(
      file(`${name}.cnf`),
      `[req]\ndistinguished_name = dn\nreq_extensions = ext\nx509_extensions = ext\nprompt = no\n[dn]\nCN = x\n[ext]\nkeyUsage = digitalSignature\n${extension}\n[names]\n${lines.join("\n")}\n`,
    );
    return file(`${name}.cnf`);
  };
  return {
    ca: readFileSync(file("ca.pem"), "utf8"),
    caFile: file("ca.pem"),
    issue(name, subject, names = []) {
      const config = ["-config", configOf(name, names)];
      run(
        "req",
        "-new",
        ...fresh,
        ...config,
        "-keyout",
        file(`${name}.key`),
        "-out",
        file(`${name}.csr`),
        "-subj",
        subject,
      );
      const signing = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-copy_extensions", "copy"];
      run("x509", "-req", "-in", file(`${name}.csr`), ...signing, "-days", "1", "-out", file(`${name}.pem`));
      return read(name);
    },
    selfSign(name, subject, names = []) {
      const config = ["-config", configOf(name, names)];
      run(
        "req",
        "-x509",
        ...fresh,
        ...config,
        "-keyout",
        file(`${name}.key`),
        "-out",
        file(`${name}.pem`),
        "-days",
        "1",
        "-subj",
        subject,
      );
      return read(name);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

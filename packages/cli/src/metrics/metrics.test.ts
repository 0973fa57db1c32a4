import { afterAll, expect, it } from "vitest";
import { cliDatabases } from "../../test/databases.js";
import { makeFolder, runCli } from "../../test/run-cli.js";

const folder = makeFolder({});
afterAll(folder.remove);

for (const kind of cliDatabases) {
  it.skipIf(kind.skipped !== undefined)(`R045: segno metrics on ${kind.name}`, async () => {
    const database = await kind.create();
    const segno = (...args: readonly string[]) =>
      runCli(args, {
        cwd: folder.path,
        env: {
          SEGNO_DATABASE_URL: database.url,
          SEGNO_SECRET: "1:first-secret-0123456789-abcdefghijklmnop",
          NODE_ENV: "development",
        },
      });
    await segno("migrate", "apply", "--yes");
    const { code, stdout } = await segno("metrics");
    expect(code).toBe(0);
    for (const name of ["sign_in_latency", "token_issuance", "vault_share", "time_to_recover", "audit_completeness"])
      expect(stdout).toMatch(new RegExp(`^${name} +\\S.+\\n  is: \\S.+\\n  from: \\S.+$`, "m"));
    expect(stdout).toContain("no audit log is kept");
    expect((await segno("metrics", "--since", "yesterday")).code).toBe(2);
    await database.drop();
  });
}

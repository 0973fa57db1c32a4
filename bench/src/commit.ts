import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** One durable commit and nothing else: a row of typical size, WAL, `synchronous = FULL`, prepared statements. */
export function openBareCommit(): () => void {
  const database = new DatabaseSync(join(mkdtempSync(join(tmpdir(), "bench-commit-")), "commit.db"));
  database.exec(
    "pragma journal_mode = wal; pragma synchronous = full; create table t (id integer primary key, text text)",
  );
  const begin = database.prepare("begin immediate");
  const insert = database.prepare("insert into t (text) values (?)");
  const commit = database.prepare("commit");
  const text = "x".repeat(400);
  return () => {
    begin.run();
    insert.run(text);
    commit.run();
  };
}

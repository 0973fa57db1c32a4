import { expect, it } from "vitest";
import { isAsPromised, openShell, readSteps } from "../../test/runbook.js";
import { makeFolder } from "../../test/run-cli.js";

const page = `# A page

1. Look:

   \`\`\`console
   $ echo one; echo two; echo three
   one
   ...
   $ NAME=ada
   $ echo "hello $NAME" \\
     && false
   ? 1
   hello ...
   \`\`\`

\`\`\`sh
echo not a step
\`\`\`
`;

it("reads commands, outputs and exit codes", () => {
  expect(readSteps(page)).toEqual([
    { line: 6, command: "echo one; echo two; echo three", output: ["one", "..."], exitCode: 0 },
    { line: 9, command: "NAME=ada", output: [], exitCode: 0 },
    { line: 10, command: 'echo "hello $NAME" \\\n  && false', output: ["hello ..."], exitCode: 1 },
  ]);
});

it("runs them in one shell, so that a variable stays, and tells exit codes", async () => {
  const folder = makeFolder();
  const shell = openShell(folder.path, {});
  for (const step of readSteps(page)) {
    const { exitCode, output } = await shell.run(step.command);
    expect(exitCode, step.command).toBe(step.exitCode);
    expect(isAsPromised(step.output, output), `${step.command}: ${output}`).toBe(true);
  }
  expect((await shell.run("segno --version")).output.trim()).toBe("0.0.0");
  expect(await shell.run("cat; echo problem >&2; false")).toEqual({ exitCode: 1, output: "problem\n" });
  shell.close();
  folder.remove();
});

it.each([
  [["a", "b"], "a\nb\n", true],
  [["a"], "a", true],
  [["a"], "a\nb", false],
  [["a", "..."], "a\nb\nc\n", true],
  [["...", "c"], "a\nb\nc\n", true],
  [["a", "...", "c"], "a\nc\n", true],
  [["a ... c"], "a b c", true],
  [["a ... c"], "a b\nc", false],
  [["1.5 (x)"], "1.5 (x)", true],
  [["1.5"], "125", false],
  [[], "", true],
  [[], "a", false],
  [["..."], "", true],
])("%j promises %j: %s", (output, actual, isKept) => {
  expect(isAsPromised(output, actual)).toBe(isKept);
});

import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { commands } from "./commands.js";
import { helpOf } from "./help.js";

const page = new URL("../../../docs/concepts/command-line.md", import.meta.url);
const mark = "## Commands\n";

/** To write the page anew: SEGNO_UPDATE_DOCS=1 npm test -- packages/cli/src/manual.test.ts */
it("the manual shows what --help shows, for every command", () => {
  const text = readFileSync(page, "utf8");
  expect(text).toContain(mark);
  const intro = `${text.slice(0, text.indexOf(mark))}${mark}\n`;
  const sections = commands.map(
    (command) => `### \`segno ${command.name}\`\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
  );
  const wanted = intro + sections.join("\n");
  if (process.env["SEGNO_UPDATE_DOCS"] === "1") writeFileSync(page, wanted);
  expect(readFileSync(page, "utf8")).toBe(wanted);
});

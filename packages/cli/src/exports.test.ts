import { expect, it } from "vitest";
import { commands } from "./commands.js";
import { helpOf, optionsOf, overview } from "./help.js";

it("has a named list of commands and options; a change here needs a changeset", () => {
  const list = commands.map((command) => [
    command.name,
    ...(command.positionals ?? []).map(({ name }) => name),
    ...Object.keys(optionsOf(command)).map((name) => `--${name}`),
  ]);
  expect(list.map((words) => words.join(" "))).toMatchInlineSnapshot(`
    [
      "doctor --url --forwarded --peer --config --env --json --yes --help",
      "migrate plan --config --env --json --yes --help",
      "migrate apply --config --env --json --yes --help",
      "migrate status --config --env --json --yes --help",
      "keys status --all --config --env --json --yes --help",
      "keys rotate --at-once --change-custody --purpose --config --env --json --yes --help",
      "keys compromise KID --since --keep-sessions --config --env --json --yes --help",
      "events tail --type --subject --since --follow --config --env --json --yes --help",
      "events sinks --config --env --json --yes --help",
      "events dead-letters --sink --config --env --json --yes --help",
      "events replay --sink --id --since --dead --config --env --json --yes --help",
      "support CODE --config --env --json --yes --help",
      "funnel --since --by --config --env --json --yes --help",
      "audit status --config --env --json --yes --help",
      "audit export DIR --config --env --json --yes --help",
      "audit verify DIR --keys --policy --known --origin --retention --clock-tolerance --config --env --json --yes --help",
      "audit prove --event --index --log --out --config --env --json --yes --help",
      "audit check-proof FILE --keys --policy --leaf --config --env --json --yes --help",
      "audit show --event --index --log --config --env --json --yes --help",
      "audit witness --name --key --keys --state --log --keep --listen --show-key --config --env --json --yes --help",
      "audit list --subject --actor --type --since --until --limit --config --env --json --yes --help",
      "audit completeness --config --env --json --yes --help",
      "evidence build --subject --actor --type --since --until --out --config --env --json --yes --help",
      "evidence hand-over PATH --from --to --reason --key --config --env --json --yes --help",
      "evidence verify PATH --keys --config --env --json --yes --help",
      "audit ask-witness --url --witness-key --config --env --json --yes --help",
      "hunt --only --since --list --config --env --json --yes --help",
      "slo --config --env --json --yes --help",
      "slo rules --defaults --config --env --json --yes --help",
      "slo dashboard --defaults --config --env --json --yes --help",
      "metrics --since --config --env --json --yes --help",
      "probe enrol --url --file --config --env --json --yes --help",
      "probe --url --file --under --config --env --json --yes --help",
    ]
  `);
});

it.each(commands.map((command) => [command.name, command] as const))(
  "helps with %s, in 100 columns",
  (name, command) => {
    const text = helpOf(command);
    expect(text).toContain(`Usage: segno ${name}`);
    expect(text).toMatch(/Example:\n {2}\$ .*segno /);
    for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(overview(commands)).toContain(name);
  },
);

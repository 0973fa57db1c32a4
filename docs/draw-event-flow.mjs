// Draws docs/images/event-flow.svg: the way of one event.  node docs/draw-event-flow.mjs
import { writeFileSync } from "node:fs";

const ink = "#111827";
const line = "#1f2937";
const fills = { change: "#bbf7d0", order: "#dbeafe", receiver: "#ffffff", aside: "#fee2e2" };

const text = (x, y, words, { size = 15, anchor = "middle", weight = 400 } = {}) =>
  `<text x="${x}" y="${y}" font-size="${size}" text-anchor="${anchor}" font-weight="${weight}" fill="${ink}">${words}</text>`;

const box = (x, y, width, height, fill, [title, ...more]) =>
  [
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="${fill}" stroke="${line}"/>`,
    text(x + width / 2, y + height / 2 + 5 - more.length * 10, title, { weight: 600 }),
    ...more.map((words, index) =>
      text(x + width / 2, y + height / 2 + 5 - more.length * 10 + 21 * (index + 1), words, { size: 14 }),
    ),
  ].join("\n");

const arrow = (from, to, isDashed = false) =>
  `<path d="M ${from.join(" ")} L ${to.join(" ")}" stroke="${line}" stroke-width="1.6" fill="none" marker-end="url(#head)"${isDashed ? ' stroke-dasharray="5 4"' : ""}/>`;

const receivers = [
  ["the audit log", "a leaf for each, but for ui.*"],
  ["segno.on", "in process, on one of the nodes"],
  ["a webhook, a broker, a file", "each sink has a place of its own"],
];
const top = (index) => 76 + index * 92;

const parts = [
  text(20, 34, "The way of one event", { size: 18, anchor: "start", weight: 600 }),
  box(20, 136, 200, 136, fills.change, ["one transaction", "the change itself", "and the row of its event"]),
  text(120, 296, "a request waits for this alone", { size: 13 }),
  arrow([220, 204], [296, 204]),
  text(258, 194, "commit", { size: 13 }),
  box(300, 136, 190, 136, fills.order, ["one order", "1, 2, 3 … without gaps", "given by one node", "at a time"]),
  ...receivers.flatMap((words, index) => [
    arrow([490, 204], [576, top(index) + 34]),
    box(580, top(index), 270, 68, fills.receiver, words),
  ]),
  arrow([715, top(2) + 68], [715, 384], true),
  text(727, 364, "refused", { size: 13, anchor: "start" }),
  box(580, 388, 270, 68, fills.aside, ["set aside", "tried again alone, 12 times"]),
  text(20, 418, "A receiver that is away: nothing moves for it, and for it alone.", { size: 14, anchor: "start" }),
  text(20, 440, "After a crash the last events come again, with the same id.", { size: 14, anchor: "start" }),
];

const description =
  "A change and the row of its event are committed in one transaction. After that, rows get a position in one order. Sinks, subscribers in process and the audit log read from a place of their own. An event that is refused is set aside and tried again alone.";
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 480" width="880" height="480" font-family="system-ui, sans-serif" role="img" aria-labelledby="t d"><title id="t">The way of one event</title><desc id="d">${description}</desc><defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M 0 0 L 10 5 L 0 10 z" fill="${line}"/></marker></defs><rect width="880" height="480" fill="#ffffff"/>
${parts.join("\n")}
</svg>
`;
writeFileSync(new URL("images/event-flow.svg", import.meta.url), svg);

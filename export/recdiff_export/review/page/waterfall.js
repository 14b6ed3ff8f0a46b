// Contributions that add up: where they start, what each part adds, and where they end.

import { el, percent, signed } from "./dom.js";

// What rounds to nothing takes no side.
const sided = (added) => (Math.abs(added) < 0.005 ? "none" : added > 0 ? "fake" : "real");

// How a waterfall counts: what it says above, and how it writes a number.
const units = {
  "log odds": {
    caption: "Log odds. To the right speaks for fake, to the left for real; 0 is 50 %.",
    said: (value) => signed(value),
  },
  share: {
    caption: "Of a hundred members, how many are expected to be fake: what each part adds, all members together.",
    said: (value) => signed(100 * value, 1),
  },
};

export function waterfall(why, score) {
  const { caption, said } = units[why.unit];
  const rows = [{ label: "Start", fact: why.whose, from: 0, to: why.start, kind: "start" }];
  let reached = why.start;
  for (const step of why.steps) {
    rows.push({ ...step, from: reached, to: reached + step.added, kind: sided(step.added) });
    reached += step.added;
  }
  rows.push({ label: "Together", fact: `${percent(score)} likely to be fake`, from: 0, to: why.total, kind: "total" });
  const ends = rows.flatMap((row) => [row.from, row.to]);
  const low = Math.min(...ends, 0);
  const wide = Math.max(...ends, 0) - low || 1;
  const at = (value) => `${(100 * (value - low)) / wide}%`;
  const body = rows.map((row) => {
    const added = row.kind === "start" || row.kind === "total" ? row.to : row.to - row.from;
    const left = Math.min(row.from, row.to);
    const bar = el("span", {
      cls: `bar ${row.kind}`,
      style: { left: at(left), width: `${Math.max(0.6, (100 * Math.abs(row.to - row.from)) / wide)}%` },
    });
    return el("tr", { cls: row.kind },
      el("th", { scope: "row" }, row.label, el("small", {}, row.fact)),
      el("td", { "aria-hidden": "true", cls: "track" }, el("span", { cls: "zero", style: { left: at(0) } }), bar),
      el("td", { cls: "number" }, said(added)));
  });
  return el("table", { cls: "waterfall" },
    el("caption", {}, caption),
    el("tbody", {}, body));
}

function lasting(seconds) {
  const days = Math.max(1, Math.round(seconds / 86400));
  return days === 1 ? "within a day" : `within ${days.toLocaleString("en")} days`;
}

export function histogram(times, day) {
  const most = Math.max(...times.counts);
  return el("figure", { cls: "times" },
    el("div", { cls: "bars", role: "img", "aria-label":
      `${times.counts.reduce((a, b) => a + b)} edges from ${day(times.first)} to ${day(times.last)}` },
      times.counts.map((each) => el("span", { style: { height: `${each ? Math.max(4, (100 * each) / most) : 0}%` } }))),
    el("figcaption", {}, el("span", {}, day(times.first)), el("span", {}, lasting(times.last - times.first)),
      el("span", {}, day(times.last))));
}

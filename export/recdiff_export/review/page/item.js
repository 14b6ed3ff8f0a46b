// One thing in full: what it is, why it has its score, who is around it, and what was decided of it and its like.

import { count, day, el, joint, moment, percent, titled } from "./dom.js";
import { drawn } from "./graph.js";
import { histogram, waterfall } from "./waterfall.js";

const words = { group: "Group", account: "Account", edge: "Edge" };
let ended = null;

export const chip = (thing) =>
  thing.again ? el("span", { cls: "chip again" }, `look again: ${thing.state}`)
    : thing.state === "open" ? null : el("span", { cls: `chip ${thing.state}` }, thing.state);

// A member that was decided with its group has the group's name before the reason.
function reasoned({ reason }) {
  if (!reason || reason === "taken back") return "";
  return `: ${reason.replace(/^group [0-9a-f]{12}/, "with its group")}`;
}

export function score(value) {
  return el("span", { cls: "score", title: "how likely it is to be fake" },
    el("span", { cls: "meter", "aria-hidden": "true" }, el("span", { style: { width: `${100 * value}%` } })),
    el("b", {}, percent(value)));
}

function link(thing, walk, ...more) {
  return el("button", { type: "button", cls: "link", onclick: () => walk(thing) }, titled(thing), ...more);
}

function listed(found, walk, none) {
  if (!found.total) return el("p", { cls: "muted" }, none);
  const rest = found.total - found.shown.length;
  return el("ul", { cls: "names" },
    found.shown.map((each) => el("li", {}, link(each, walk), score(each.score), chip(each))),
    rest > 0 ? el("li", { cls: "muted" }, `and ${count(rest)} more`) : null);
}

function card(title, ...content) {
  return el("section", { cls: "card" }, el("h3", {}, title), ...content);
}

function itemsUsed(items, title) {
  if (!items.total) return null;
  const rest = items.total - items.shown.length;
  return card(`${title} (${count(items.total)})`,
    el("p", { cls: "tags" }, items.shown.map((each) => el("span", {}, each)), rest > 0 ? ` and ${count(rest)} more` : ""));
}

const parts = {
  edge: (it, walk) => [
    card("The two ends", el("ul", { cls: "names" },
      it.ends.map((each) => el("li", {}, link(each, walk), score(each.score), chip(each),
        el("small", {}, `${count(each.reach)} edges; ${each.note}`))))),
    card(`Friends in common (${count(it.friends.total)})`, listed(it.friends, walk, "The two have no friend in common.")),
    itemsUsed(it.items, "Items both used"),
    it.tied_at === null ? null : card("When", el("p", {}, `The edge came about on ${day(it.tied_at)}.`)),
  ],
  account: (it, walk) => [
    it.group ? card("Its group", el("p", {}, link(it.group, walk), " ", it.group.note)) : null,
    card(`Its edges (${count(it.edges.total)}, ${count(it.expected_fake)} expected to be fake)`,
      it.edges.total ? el("ul", { cls: "names" },
        it.edges.shown.map(({ edge, other }) => el("li", {}, link(other, walk), score(edge.score), chip(edge),
          el("button", { type: "button", cls: "link small", onclick: () => walk(edge),
            "aria-label": `Open the edge to ${titled(other)}` }, "edge"))),
        it.edges.total > it.edges.shown.length
          ? el("li", { cls: "muted" }, `and ${count(it.edges.total - it.edges.shown.length)} more`) : null)
        : el("p", { cls: "muted" }, "It has none.")),
    itemsUsed(it.items, "What it used"),
    it.times ? card("When its edges came about", histogram(it.times, day)) : null,
  ],
  group: (it, walk) => [
    it.times ? card("When its edges came about", histogram(it.times, day)) : null,
    card(`Members (${count(it.members.total)})`, listed(it.members, walk, "")),
    card(`Whom most of them are tied to (${count(it.targets.total)})`,
      listed(it.targets, walk, "Nobody outside the group is tied to more than one of them.")),
  ],
};

function subtitle(it) {
  if (it.what === "edge") return [it.verdict, it.looks ? `; it looks most like ${it.looks}` : ""].join("");
  if (it.what === "account") return it.note;
  return `${it.note}; ${count(it.inside)} edges inside, ${count(it.reaching)} others reached`;
}

function stake(it) {
  if (it.what === "edge") return null;
  return el("p", { cls: "stake" }, "expected harm: ", el("b", {}, count(it.harm)), ` of its ${count(it.reach)} edges`);
}

function past(it) {
  const told = it.history.map((each) => el("li", {}, el("span", { cls: `chip ${each.verdict}` },
    each.reason === "taken back" ? "open again" : each.verdict),
  ` by ${each.who}, ${moment(each.when)}`, reasoned(each)));
  const by = (it.by_account ?? []).map((each) => el("li", {}, el("span", { cls: "chip fake" }, "fake"), ` because ${each} is`));
  const known = it.what === "group" ? " as all its members are" : " by a label, or by the answer to an audit";
  if (it.state !== "open" && !told.length && !by.length) {
    by.push(el("li", {}, el("span", { cls: `chip ${it.state}` }, it.state), known));
  }
  return told.length + by.length ? card("Decided so far", el("ul", { cls: "past" }, by, told)) : null;
}

function alike(it, walk) {
  return card("Cases like it", it.similar.length
    ? el("ul", { cls: "names" }, it.similar.map((each) => el("li", {}, link(each, walk), score(each.score),
      el("span", { cls: `chip ${each.state}` }, each.state), el("small", {}, `${each.who}, ${moment(each.when)}${reasoned(each)}`))))
    : el("p", { cls: "muted" }, "None of this sort has been decided yet."));
}

export function show(place, it, walk, back) {
  ended?.();
  const drawing = drawn(it.graph, walk);
  ended = drawing.end;
  place.replaceChildren(
    el("div", { cls: "head" },
      el("button", { type: "button", cls: "quiet back", onclick: back }, "← Back"),
      el("p", { cls: "kind" }, words[it.what], chip(it), it.audited ? el("span", { cls: "chip" }, "in the audit") : null),
      el("h2", {}, it.what === "edge"
        ? [link(it.ends[0], walk), el("span", { cls: "arrow" }, joint()), link(it.ends[1], walk)]
        : titled(it)),
      el("p", { cls: "sub" }, subtitle(it)),
      el("div", { cls: "sums" }, el("p", { cls: "big" }, el("b", {}, percent(it.score)), " likely to be fake"), stake(it))),
    el("div", { cls: "columns" },
      el("div", {},
        card("Why", it.why ? waterfall(it.why, it.score) : el("ul", {}, (it.facts ?? []).map((each) => el("li", {}, each)))),
        past(it), alike(it, walk)),
      el("div", {},
        card("Around it", drawing.figure, el("p", { cls: "muted small" },
          "Redder is more likely to be fake.", it.what === "group" ? " Squares are users outside the group." : "",
          " Choose an account to go there.")),
        ...parts[it.what](it, walk))),
  );
  place.scrollTop = 0;
}

export function blank(place, text) {
  ended?.();
  ended = null;
  place.replaceChildren(el("p", { cls: "empty" }, text));
}

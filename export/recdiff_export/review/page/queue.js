// The queue: tabs, filters, a page of lines, and how far one is.

import * as api from "./api.js";
import { byId, count, el, percent, same, titled } from "./dom.js";
import { chip, score } from "./item.js";

const names = { group: "Groups", account: "Accounts", edge: "Edges", audit: "Audit" };
export const LIMIT = 50;

export class Queue {
  constructor(open) {
    this.open = open;
    this.tab = "group";
    this.page = { lines: [], total: 0, start: 0 };
    this.current = null;
  }

  get wanted() {
    return { tab: this.tab, state: byId("state").value, text: byId("text").value.trim(), least: byId("least").value, limit: LIMIT };
  }

  // Ask for a page: after or before a rank, or the first.
  async load(place = {}) {
    this.page = await api.queue({ ...this.wanted, ...place });
    this.render();
    return this.page;
  }

  // Ask for the lines that are shown again, decided or not, so that none moves away under one's hands.
  async refresh() {
    const first = this.page.lines[0];
    if (!first) return;
    const page = await api.queue({ ...this.wanted, state: "all", after: first.rank - 1, limit: 200 });
    const now = new Map(page.lines.map((each) => [each.rank, each]));
    this.page.lines = this.page.lines.map((each) => now.get(each.rank) ?? each);
    this.render();
  }

  mark(item) {
    this.page.lines = this.page.lines.map((each) => same(each, item) ? { ...each, state: item.state, again: item.again } : each);
    this.render();
  }

  choose(line) {
    this.current = line;
    this.render();
    byId("lines").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  // The next line by `step`, over the page's edge where there is more; open ones only where those are looked at.
  async step(step, open = false) {
    const at = this.page.lines.findIndex((each) => same(each, this.current));
    const fits = (each) => !open || byId("state").value !== "open" || each.state === "open" || each.again;
    for (let place = at + step; place >= 0 && place < this.page.lines.length; place += step) {
      if (fits(this.page.lines[place])) return this.page.lines[place];
    }
    const edge = this.page.lines[step > 0 ? this.page.lines.length - 1 : 0];
    if (!edge) return null;
    const before = this.page;
    const page = await this.load(step > 0 ? { after: edge.rank } : { before: edge.rank });
    if (page.lines.length) return page.lines[step > 0 ? 0 : page.lines.length - 1];
    this.page = before;
    this.render();
    return null;
  }

  render() {
    const { lines, total, start } = this.page;
    const focused = byId("lines").contains(document.activeElement);
    byId("lines").replaceChildren(...lines.map((each) => this.line(each)));
    if (focused) byId("lines").querySelector("[aria-current]")?.focus({ preventScroll: true });
    if (!lines.length) byId("lines").append(el("li", { cls: "empty" }, this.nothing()));
    byId("range").textContent = total ? `${count(start + 1)} to ${count(start + lines.length)} of ${count(total)}` : "";
    byId("earlier").disabled = start === 0;
    byId("later").disabled = start + lines.length >= total;
    byId("pager").hidden = total <= lines.length && start === 0;
  }

  nothing() {
    const { text, state, least } = this.wanted;
    if (text || least !== "0" || !["open", "all"].includes(state)) return "Nothing fits what is asked for.";
    if (this.tab === "group") return "No accounts that act together were found. Go on with accounts: key 2.";
    return state === "open" ? "All done: nothing is open here." : "There is nothing here.";
  }

  line(each) {
    const current = same(each, this.current);
    return el("li", {},
      el("button", { type: "button", "aria-current": current ? "true" : null, cls: each.state, onclick: () => this.open(each, true) },
        el("span", { cls: "title" }, titled(each)), score(each.score),
        el("span", { cls: "note" }, each.note),
        chip(each) ?? (each.what === "edge" ? "" : el("span", { cls: "harm", title: "edges expected to go" }, `${count(each.harm)} edges`))));
  }

  tabs(progress, change) {
    const told = this.tab + Object.entries(progress).map(([tab, each]) => tab + each.total);
    if (told === this.told) return;
    this.told = told;
    const found = Object.keys(progress).map((tab, place) => el("button", {
      type: "button", role: "tab", id: `tab-${tab}`, "aria-selected": String(tab === this.tab), "aria-controls": "queue", tabindex: tab === this.tab ? 0 : -1,
      title: `Key ${place + 1}`, onclick: () => change(tab),
    }, names[tab], el("span", { cls: "number" }, count(progress[tab].total))));
    byId("tabs").replaceChildren(...found);
    byId("queue").setAttribute("aria-labelledby", `tab-${this.tab}`);
  }

  progress(found) {
    const { total, decided, harm, fake, real, share, expected, again, of } = found;
    const done = this.tab === "audit" ? decided / Math.max(total, 1) : harm;
    const facts = [`${count(decided)} of ${count(total)} decided`];
    if (this.tab !== "audit") facts.push(`${percent(harm)} of the expected harm`);
    const precise = share
      ? this.tab === "audit"
        ? `Share of fakes among all ${of}s: ${percent(share.estimate)} (${percent(share.low)} to ${percent(share.high)})`
        : `${count(fake)} of ${count(fake + real)} judged ones are fake: ${percent(share.estimate)} (${percent(share.low)} to ${percent(share.high)}); scores said ${percent(expected)}`
      : this.tab === "audit" ? "The share of fakes is told from 20 answers on" : null;
    byId("progress").replaceChildren(...[
      el("div", { cls: "whole", role: "progressbar", "aria-label": "Done", "aria-valuemin": 0, "aria-valuemax": 100,
        "aria-valuenow": Math.round(100 * done) }, el("span", { style: { width: `${100 * done}%` } })),
      el("p", {}, facts.join(", ")),
      precise ? el("p", { cls: "precise" }, precise) : null,
      again ? el("p", { cls: "precise" }, `${count(again)} decisions to look at again: new evidence speaks against them`) : null,
    ].filter(Boolean));
  }
}

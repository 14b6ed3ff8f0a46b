// The page: which queue, which thing, what was just decided, and what changed meanwhile.

import * as api from "./api.js";
import { byId, count, el, focusOn, graph, moment, same, titled } from "./dom.js";
import { blank, show } from "./item.js";
import { Queue } from "./queue.js";

const POLL = 4000;
const done = [];
let state = null;
let item = null;
let walked = 0;
let pending = 0;
let turn = Promise.resolve();

const queue = new Queue((line, focus) => inTurn(() => visit(line, { focus })));

// What is asked for is done one after the other, so that nothing is shown over what was asked for later.
function inTurn(work) {
  pending += 1;
  turn = turn.then(work).catch((error) => {
    notice("error", String(error));
    console.error(error);
  }).finally(() => { pending -= 1; });
  return turn;
}

const say = (text) => { byId("said").textContent = text; };

const told = new Map();

// What is said already is not said again at every look; that the model changed stays closed once it was closed.
function notice(id, text, ...actions) {
  if (text !== null && told.get(id) === text) return;
  told.set(id, text);
  byId(`notice-${id}`)?.remove();
  if (text === null) return;
  const close = () => {
    byId(`notice-${id}`).remove();
    if (id !== "model") told.delete(id);
  };
  byId("notices").append(el("div", { id: `notice-${id}`, cls: `notice ${id}` }, el("p", {}, text), ...actions,
    el("button", { type: "button", cls: "quiet", "aria-label": "Close", onclick: close }, "×")));
}

async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    notice("error", error.message);
    return null;
  }
}

const address = (thing) => `#${thing.what}/${thing.name.map(encodeURIComponent).join("/")}`;

function addressed() {
  const [what, ...name] = location.hash.slice(1).split("/");
  return name.length ? { what, name: name.map(decodeURIComponent) } : null;
}

// Show a thing of the queue; the address follows, so that the browser's Back goes back.
async function visit(line, { focus = false } = {}) {
  queue.choose(line);
  walked = 0;
  history.replaceState(null, "", address(line));
  await open(line, focus);
}

async function walk(thing) {
  walked += 1;
  history.pushState(null, "", address(thing));
  await open(thing, true);
}

const stroll = (thing) => inTurn(() => walk(thing));

function back() {
  if (walked > 0) {
    walked -= 1;
    history.back();
  } else {
    document.body.classList.remove("looking");
    byId("lines").querySelector("[aria-current]")?.focus();
  }
}

async function open(thing, focus) {
  const found = await attempt(() => api.item(thing));
  if (!found) return;
  item = found;
  show(byId("item"), item, stroll, back);
  document.body.classList.toggle("looking", focus || document.body.classList.contains("looking"));
  byId("item").dataset.walked = walked > 0;
  byId("verdicts").hidden = false;
  const all = item.what === "group" ? `; decides ${count(item.members.total)} accounts` : "";
  byId("reason").placeholder = `Reason, if any${all}`;
  byId("item").scrollTo?.(0, 0);
  if (focus) focusOn(byId("item"));
}

async function settle(answer) {
  item = answer;
  queue.mark(answer);
  meet(answer.state_now);
}

// A verdict is about what is seen: while something else is on its way it is not taken.
function judge(verdict) {
  if (item && !pending) inTurn(() => decide(item, verdict, byId("reason").value.trim()));
}

async function decide(about, verdict, reason) {
  try {
    const answer = await api.decide(about, verdict, reason);
    notice("conflict", null);
    notice("error", null);
    byId("reason").value = "";
    // What stood already was not decided again, so there is nothing to take back.
    if (answer.known > about.known) done.push({ what: about.what, name: about.name, known: answer.known });
    byId("undo").disabled = !done.length;
    const inQueue = same(about, queue.current) && walked === 0;
    await settle(answer);
    say(`${titled(about)}: decided ${verdict}.`);
    await onward(inQueue, answer);
  } catch (error) {
    await refused(error, about);
  }
}

// From a decided thing of the queue to the next open one; elsewhere the thing is shown as it is now.
async function onward(inQueue, answer) {
  const next = inQueue ? await attempt(() => queue.step(1, true)) : null;
  if (next) {
    await visit(next);
    say(`${titled(answer)}: decided ${answer.state}. Next: ${titled(next)}`);
    return;
  }
  show(byId("item"), answer, stroll, back);
  if (inQueue) await attempt(() => queue.load());
}

async function undo() {
  const last = done.at(-1);
  if (!last) return;
  try {
    const answer = await api.undo(last);
    done.pop();
    byId("undo").disabled = !done.length;
    await settle(answer);
    const line = queue.page.lines.find((each) => same(each, answer));
    if (line) queue.choose(line);
    show(byId("item"), answer, stroll, back);
    say(`${titled(answer)}: taken back.`);
  } catch (error) {
    if (error.status === 409) done.pop();
    await refused(error, last);
  }
}

async function refused(error, about) {
  if (!(error instanceof api.Refusal)) throw error;
  if (!error.standing) {
    notice("error", `Not written: ${error.message}`);
    return;
  }
  const { who, verdict, when, reason } = error.standing;
  notice("conflict", `${who} decided this ${verdict} at ${moment(when)}${reason ? `: ${reason}` : ""}. Yours was not written; decide again if you differ.`);
  await open(about, false);
  queue.mark(item);
}

function meet(now) {
  const before = state;
  state = now;
  graph.directed = now.directed;
  byId("who").textContent = `as ${now.who}`;
  byId("decisions").textContent = now.decisions;
  queue.tabs(now.progress, choose);
  queue.progress(now.progress[queue.tab]);
  if (now.gone) notice("model", "The model folder is gone. Decisions are still kept.");
  else if (now.changed) {
    notice("model", "The model was fitted again. All decisions are kept.",
      el("button", { type: "button", onclick: () => inTurn(reload) }, "Show the new scores"));
  } else notice("model", null);
  return before;
}

async function reload() {
  const now = await attempt(api.reload);
  if (now) await restart(now);
}

async function restart(now) {
  done.length = 0;
  byId("undo").disabled = true;
  if (!(queue.tab in now.progress)) {
    queue.tab = "edge";
    notice("audit", "The audit was drawn from the model before, so it is closed; its answers are kept. Draw a new one.");
  }
  meet(now);
  await begin();
  say("The new model is shown.");
}

async function look() {
  if (document.hidden) return;
  let now;
  try {
    now = await api.state();
  } catch (error) {
    notice("gone", error.message);
    return;
  }
  notice("gone", null);
  const before = meet(now);
  if (before.model !== now.model) await restart(now);
  else if (before.version !== now.version) {
    await attempt(() => queue.refresh());
    if (item) await overtaken();
  }
}

// Somebody else has decided about what is shown: show that, and say so.
async function overtaken() {
  const found = await attempt(() => api.item(item));
  if (!found || !same(found, item) || found.known === item.known) return;
  const last = found.history.at(-1);
  item = found;
  show(byId("item"), item, stroll, back);
  notice("conflict", `${last.who} has just decided this ${last.verdict}${last.reason ? `: ${last.reason}` : ""}.`);
}

async function change(tab) {
  queue.tab = tab;
  queue.current = null;
  queue.tabs(state.progress, choose);
  queue.progress(state.progress[tab]);
  await begin();
  focusOn(byId(`tab-${tab}`));
}

// Load the queue, and show `thing`, or else the first of it.
async function begin(thing = null) {
  const page = await attempt(() => queue.load());
  if (!page) return;
  document.body.classList.remove("looking");
  if (thing) await visit(thing);
  if (thing && same(thing, item)) return;
  if (page.lines.length) await visit(page.lines[0]);
  else {
    item = null;
    byId("verdicts").hidden = true;
    blank(byId("item"), "Nothing is chosen.");
  }
}

const choose = (tab) => inTurn(() => change(tab));

async function filtered() {
  const page = await attempt(() => queue.load());
  if (page) say(`${count(page.total)} found`);
}

async function leaf(step) {
  const { lines } = queue.page;
  const place = step > 0 ? { after: lines.at(-1).rank } : { before: lines[0].rank };
  await attempt(() => queue.load(place));
  byId("lines").scrollTop = 0;
}

async function move(step) {
  const next = await attempt(() => queue.step(step));
  if (next) {
    await visit(next);
    focusOn(byId("lines").querySelector("[aria-current]"));
    say(`${titled(next)}, ${Math.round(100 * next.score)} percent, ${next.state}`);
  }
}

const alias = { arrowdown: "j", arrowup: "k" };
const keys = {
  f: () => judge("fake"), r: () => judge("real"), u: () => judge("unsure"), z: () => inTurn(undo),
  j: () => inTurn(() => move(1)), k: () => inTurn(() => move(-1)), b: back,
  "/": () => { document.body.classList.remove("looking"); byId("text").focus(); },
  n: () => byId("reason").focus(), "?": () => byId("help").showModal(), escape: back,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const field = event.target.matches("input, select, textarea");
  if (event.target.matches("[role=tab]") && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
    const tabs = Object.keys(state.progress);
    const step = event.key === "ArrowRight" ? 1 : tabs.length - 1;
    choose(tabs[(tabs.indexOf(queue.tab) + step) % tabs.length]);
    return;
  }
  if (field && (event.key === "Escape" || (event.key === "Enter" && event.target.id === "reason"))) {
    event.target.blur();
    event.preventDefault();
  }
  if (field) return;
  const tab = Object.keys(state?.progress ?? {})[Number(event.key) - 1];
  const key = event.key.toLowerCase();
  const act = tab ? () => choose(tab) : keys[alias[key] ?? key];
  if (!act) return;
  event.preventDefault();
  // A key that is held down asks again when the last is done, not before.
  if (!event.repeat || !pending) act();
});

let waiting = 0;
const sought = () => inTurn(filtered);
byId("text").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(sought, 150); });
byId("state").addEventListener("change", sought);
byId("least").addEventListener("change", sought);
byId("filters").addEventListener("submit", (event) => { event.preventDefault(); sought(); });
byId("verdicts").addEventListener("submit", (event) => event.preventDefault());
byId("earlier").addEventListener("click", () => inTurn(() => leaf(-1)));
byId("later").addEventListener("click", () => inTurn(() => leaf(1)));
byId("undo").addEventListener("click", () => inTurn(undo));
byId("help-open").addEventListener("click", () => byId("help").showModal());
for (const button of document.querySelectorAll("[data-verdict]")) {
  button.addEventListener("click", () => judge(button.dataset.verdict));
}
addEventListener("popstate", () => { const thing = addressed(); if (thing) inTurn(() => open(thing, false)); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (item) show(byId("item"), item, stroll, back); });
setInterval(() => { if (!pending) turn = turn.then(look).catch(console.error); }, POLL);

async function start() {
  const now = await attempt(api.state);
  if (!now) return;
  const asked = addressed();
  const first = "audit" in now.progress ? "audit" : Object.keys(now.progress).find((tab) => now.progress[tab].total);
  queue.tab = asked && asked.what in now.progress ? asked.what : first ?? "edge";
  meet(now);
  await begin(asked);
}

inTurn(start);

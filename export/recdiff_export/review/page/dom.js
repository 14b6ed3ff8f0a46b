// Building elements and spelling numbers. Whatever comes from data is text, never markup.

// Control characters, and those that turn the direction of writing, are spelled out, as on a terminal.
const steering = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export const plain = (text) =>
  String(text).replace(steering, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);

export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, each]) => made.style.setProperty(key, each));
    else made.setAttribute(name === "cls" ? "class" : name, value === true ? "" : value);
  }
  const there = children.flat().filter((each) => each !== null && each !== undefined && each !== false);
  made.append(...there.map((each) => (each instanceof Node ? each : plain(each))));
  return made;
}

export const byId = (id) => document.getElementById(id);

// Put the focus on an element. An answer that comes late takes nobody out of a field: what is typed there would be
// read as keys.
export function focusOn(element) {
  if (document.activeElement?.matches("input, select, textarea")) return;
  element?.focus({ preventScroll: true });
}

export const count = (value) => Math.round(value).toLocaleString("en");

// A share that is not quite all or nothing is never shown as all or nothing.
export function percent(value) {
  if (value > 0.99 && value < 1) return "> 99 %";
  if (value > 0 && value < 0.01) return "< 1 %";
  return `${Math.round(value * 100)} %`;
}

export function signed(value, places = 2) {
  const size = Math.abs(value).toFixed(places);
  return Number(size) === 0 ? size : `${value < 0 ? "−" : "+"}${size}`;
}

export const day = (seconds) =>
  new Date(seconds * 1000).toLocaleDateString("en", { year: "numeric", month: "short", day: "numeric" });

export const moment = (text) =>
  new Date(text).toLocaleString("en", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

// Whether edges have a direction; the desk says so.
export const graph = { directed: false };

export const joint = () => (graph.directed ? " → " : " – ");

export const titled = (thing) => (thing.what === "group" ? `Group ${thing.number}` : thing.name.join(joint()));

export const same = (one, other) =>
  one && other && one.what === other.what && one.name.length === other.name.length &&
  one.name.every((each, place) => each === other.name[place]);

// Building elements and spelling numbers. Whatever comes from data is text, never markup.

export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, each]) => made.style.setProperty(key, each));
    else made.setAttribute(name === "cls" ? "class" : name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

export const count = (value) => Math.round(value).toLocaleString("en");

// A share that is not quite all or nothing is never shown as all or nothing.
export function percent(value) {
  if (value > 0.99 && value < 1) return "> 99 %";
  if (value > 0 && value < 0.01) return "< 1 %";
  return `${Math.round(value * 100)} %`;
}

export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

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

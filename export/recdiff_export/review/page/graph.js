// The neighbourhood as a drawing that can be walked. Colours come from the style sheet.

import { el, plain } from "./dom.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function mixed(score) {
  const [calm, hot] = [colour("--calm"), colour("--fake")].map((each) =>
    [1, 3, 5].map((place) => parseInt(each.slice(place, place + 2), 16)));
  const part = Math.min(1, Math.max(0, score)) ** 0.7;
  return `rgb(${calm.map((each, place) => Math.round(each + (hot[place] - each) * part)).join(",")})`;
}

const border = { fake: "--fake", real: "--real", unsure: "--unsure", open: "--card" };

// Where there are more, names would cover each other: they are shown as one points at them.
const NAMED = 20;

export function drawn(graph, walk) {
  const few = graph.nodes.filter((each) => each.centre).length < 3;
  const named = graph.nodes.length <= NAMED;
  const box = el("div", { cls: "graph", role: "img", "aria-label":
    `Drawing of ${graph.nodes.length} accounts and ${graph.edges.length} edges; the lists name them` });
  const made = globalThis.cytoscape({
    container: box,
    elements: [
      ...graph.nodes.map((each) => ({ data: { ...each, name: plain(each.id), fill: mixed(each.score), ring: colour(border[each.state]) } })),
      ...graph.edges.map((each) => ({ data: { ...each, fill: mixed(each.score) } })),
    ],
    style: [
      { selector: "node", style: {
        "background-color": "data(fill)", "border-color": "data(ring)", "border-width": 3, width: 18, height: 18,
        label: named ? "data(name)" : "", color: colour("--ink"), "font-size": 10, "font-family": "system-ui, sans-serif",
        "text-valign": "bottom", "text-margin-y": 3, "min-zoomed-font-size": 8, "text-max-width": 90,
        "text-wrap": "ellipsis", "text-outline-width": 2, "text-outline-color": colour("--sunken"),
      } },
      { selector: few ? "node[?centre]" : "node[!centre]", style: few
        ? { width: 28, height: 28, label: "data(name)", "font-weight": "bold", "font-size": 11 }
        : { shape: "round-rectangle" } },
      { selector: "node.pointed", style: { label: "data(name)", "z-index": 9 } },
      { selector: "edge", style: {
        width: 1.6, "line-color": "data(fill)", "curve-style": "bezier", opacity: 0.75,
        "target-arrow-shape": graph.directed ? "triangle" : "none", "target-arrow-color": "data(fill)",
        "arrow-scale": 0.8,
      } },
      { selector: "edge[state = 'fake']", style: { "line-style": "dashed" } },
      { selector: "node:active", style: { "overlay-opacity": 0.1 } },
    ],
    layout: { name: "preset" },
    userZoomingEnabled: false,
    userPanningEnabled: matchMedia("(pointer: fine)").matches,
    boxSelectionEnabled: false,
    autounselectify: true,
    minZoom: 0.2,
    maxZoom: 3,
  });
  made.on("tap", "node", (event) => walk({ what: "account", name: [event.target.id()] }));
  made.on("mouseover", "node", (event) => {
    event.target.addClass("pointed");
    box.style.setProperty("cursor", "pointer");
  });
  made.on("mouseout", "node", (event) => {
    event.target.removeClass("pointed");
    box.style.removeProperty("cursor");
  });
  const zoom = (factor) => made.zoom({
    level: made.zoom() * factor,
    renderedPosition: { x: box.clientWidth / 2, y: box.clientHeight / 2 },
  });
  const figure = el("figure", { cls: "drawing" }, box,
    el("div", { cls: "zoom" },
      el("button", { type: "button", "aria-label": "Nearer", onclick: () => zoom(1.3) }, "+"),
      el("button", { type: "button", "aria-label": "Farther", onclick: () => zoom(1 / 1.3) }, "−"),
      el("button", { type: "button", "aria-label": "All of it", onclick: () => made.fit(undefined, 24) }, "⤢")));
  // Laid out once it has a place on the page, and so a size.
  requestAnimationFrame(() => {
    made.resize();
    made.layout({
      name: "cose", animate: false, randomize: true, padding: 24, nodeRepulsion: () => 9000,
      idealEdgeLength: () => (named ? 90 : 60), nodeOverlap: 12, numIter: 600, componentSpacing: 60,
    }).run();
  });
  return { figure, end: () => made.destroy() };
}

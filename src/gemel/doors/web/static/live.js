// Live values. Elements say what they show: data-signal is a path, data-format how
// (value, state, fill, share). One WebSocket per page follows exactly the signals on the page.

import { clock, duration, shown } from "./format.js";

const EVERY = 0.2;
const LOST_AFTER = 2_000;
const OLD = /stale|last usable|no communication|not connected/;
const RUNNING = /^(execute|run|running|producing|yes|on|auto|automatic)/i;

const states = new Map();
const watchers = new Map();
const listeners = new Set();
let socket = null;
let followed = new Set();
let offset = 0;
let lastHeard = Date.now();
let lostSince = null;
let pause = 500;
let retry = 0;

/** Time now by the daemon's clock, in ms. */
export const now = () => Date.now() + offset;

/** Call `callback(state)` with every new state of a signal; call the result to end that. */
export function watch(path, callback) {
  if (!watchers.has(path)) watchers.set(path, new Set());
  watchers.get(path).add(callback);
  if (states.has(path)) callback(states.get(path));
  schedule();
  return () => {
    watchers.get(path)?.delete(callback);
    if (!watchers.get(path)?.size) watchers.delete(path);
  };
}

/** A function that says whether the last value of a signal is good. */
export function fresh(path) {
  let good = false;
  watch(path, (state) => {
    good = state.good;
  });
  return () => good;
}

/** Call `callback(event)` with every new Event. */
export function onEvent(callback) {
  listeners.add(callback);
}

function wanted() {
  const paths = new Set(watchers.keys());
  for (const element of document.querySelectorAll("[data-signal]")) paths.add(element.dataset.signal);
  for (const element of document.querySelectorAll("[data-of]")) paths.add(element.dataset.of);
  return paths;
}

let scheduled = 0;
function schedule() {
  clearTimeout(scheduled);
  scheduled = setTimeout(follow, 60);
}

function follow() {
  const paths = wanted();
  const known = [...paths].every((path) => followed.has(path));
  if (socket && known) return;
  followed = paths;
  if (socket?.readyState !== WebSocket.CONNECTING) open();
}

function open() {
  clearTimeout(retry);
  if (socket) {
    socket.onclose = null;
    socket.close();
  }
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = new WebSocket(`${scheme}//${location.host}/api/live`);
  socket = mine;
  mine.onopen = () => {
    mine.send(JSON.stringify({ signals: [...followed].slice(0, 1000), events: true, every: EVERY }));
  };
  mine.onmessage = (message) => {
    heard();
    take(JSON.parse(message.data));
  };
  mine.onclose = (closing) => {
    if (socket !== mine) return;
    socket = null;
    if (closing.code === 4401) {
      location.assign("/login");
      return;
    }
    lostSince ??= Date.now();
    retry = setTimeout(open, pause);
    pause = Math.min(pause * 1.6, 5_000);
  };
}

function heard() {
  lastHeard = Date.now();
  pause = 500;
  if (lostSince !== null) {
    lostSince = null;
    refresh();
  }
}

function take(message) {
  offset = Date.parse(message.now) - Date.now();
  for (const state of message.signals) {
    state.ms = state.time === null ? null : Date.parse(state.time);
    states.set(state.path, state);
    watchers.get(state.path)?.forEach((callback) => callback(state));
  }
  if (message.signals.length) {
    const changed = new Set(message.signals.map((state) => state.path));
    for (const element of document.querySelectorAll("[data-signal]")) {
      if (changed.has(element.dataset.signal) || changed.has(element.dataset.of)) write(element);
    }
  }
  for (const event of message.events) listeners.forEach((callback) => callback(event));
}

function write(element) {
  const state = states.get(element.dataset.signal);
  if (!state) return;
  const none = state.time === null;
  const bad = none || state.quality.startsWith("bad") || state.value === null;
  const old = !bad && (lostSince !== null || OLD.test(state.quality));
  const format = element.dataset.format || "value";
  if (format === "fill") return fill(element, bad ? null : state.number);
  if (format === "share") return share(element, bad ? null : state.number);
  let text = bad ? "—" : shown(state);
  if (old) text += `, ${duration((now() - state.ms) / 1000)}`;
  if (element.textContent !== text) element.textContent = text;
  element.classList.toggle("bad", bad);
  element.classList.toggle("old", old);
  element.classList.toggle("uncertain", !bad && !old && !state.good);
  explain(element, state, bad || old || !state.good);
  if (format === "state") {
    const idle = bad || !(state.value === true || RUNNING.test(String(state.value)));
    element.closest("[data-machine]")?.classList.toggle("idle", idle);
  }
}

function explain(element, state, needed) {
  const told = needed
    ? `${state.quality}${state.ms ? `; last at ${clock(state.ms)}` : ""}`
    : "";
  if (element instanceof SVGElement) {
    if (told) element.setAttribute("data-why", told);
    else element.removeAttribute("data-why");
  } else if (element.title !== told && (told || element.hasAttribute("data-why"))) {
    element.title = told;
    element.toggleAttribute("data-why", Boolean(told));
  }
}

function fill(element, value) {
  const low = Number(element.dataset.low);
  const high = Number(element.dataset.high);
  const part = value === null ? 0 : Math.min(1, Math.max(0, (value - low) / (high - low)));
  const side = element.dataset.side || "width";
  element.setAttribute(side, (part * Number(element.dataset.full)).toFixed(1));
}

function share(element, value) {
  const whole = states.get(element.dataset.of)?.number;
  element.textContent = value === null || !whole ? "" : `${Math.round((100 * value) / whole)} % done`;
}

/** Write all values again, for instance after a part of the page was replaced. */
export function refresh(root = document) {
  for (const element of root.querySelectorAll("[data-signal]")) write(element);
}

function showConnection() {
  const panel = document.querySelector(".g-lost");
  const gone = lostSince !== null && Date.now() - lastHeard > LOST_AFTER;
  if (!panel) return;
  const was = !panel.classList.contains("hidden");
  if (gone) panel.textContent = `No connection to Gemel since ${clock(lastHeard + offset)}; values are old. Trying again.`;
  panel.classList.toggle("hidden", !gone);
  if (gone || was !== gone) refresh();
}

function tick() {
  showConnection();
  for (const element of document.querySelectorAll("[data-signal].old")) write(element);
}

export function start() {
  new MutationObserver((records) => {
    const added = records.flatMap((record) => [...record.addedNodes]);
    const elements = added.filter((node) => node.nodeType === Node.ELEMENT_NODE);
    for (const element of elements) {
      if (element.matches("[data-signal]")) write(element);
      refresh(element);
    }
    if (elements.length) schedule();
  }).observe(document.body, { childList: true, subtree: true });
  followed = wanted();
  open();
  setInterval(tick, 1_000);
}

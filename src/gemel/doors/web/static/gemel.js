// The page's small motor: actions to the server, parts that the server replaces, theme and clock.

import { clock, weekday } from "./format.js";
import * as live from "./live.js";
import { mountFilms } from "./film.js";
import { mountGantt } from "./gantt.js";
import { mountCharts } from "./pick.js";
import { drawSparks } from "./spark.js";
import { mountTrends } from "./trends.js";

// Actions: <button data-action> and <form data-action> are told to the server under their name.

let serial = 0;
const busy = new Map();

function act(action, values, button) {
  const id = ++serial;
  if (button) {
    button.setAttribute("aria-busy", "true");
    busy.set(id, button);
    setTimeout(() => done(id), 15_000);
  }
  tell({ ...values, action, id });
}

/** To the server; what is pressed before NiceGUI has its socket is told as soon as it has. */
function tell(told) {
  if (window.socket) window.emitEvent("gemel", told);
  else setTimeout(() => tell(told), 30);
}

function done(id, sentence = "", wrong = false) {
  const button = busy.get(id);
  busy.delete(id);
  button?.removeAttribute("aria-busy");
  if (sentence) say(sentence, wrong);
  if (button && !wrong) {
    const opened = button.closest("details[open]");
    if (opened && button.type === "submit" && !button.hasAttribute("data-stay")) opened.open = false;
  }
  flush();
}

let saying = 0;
function say(sentence, wrong = false) {
  const line = document.querySelector(".g-said");
  line.textContent = sentence;
  line.classList.toggle("wrong", wrong);
  line.classList.remove("hidden");
  clearTimeout(saying);
  saying = setTimeout(() => line.classList.add("hidden"), wrong ? 12_000 : 4_000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (!button || button.tagName === "FORM") return;
  const { action, ...values } = button.dataset;
  act(action, values, button.tagName === "BUTTON" ? button : null);
});

document.addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && event.target.matches("g[data-action]")) {
    event.preventDefault();
    event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  }
  if (event.key === "Escape") {
    for (const opened of document.querySelectorAll("details[open]")) opened.open = false;
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-action]");
  if (!form) return;
  event.preventDefault();
  const { action, ...values } = form.dataset;
  const button = event.submitter;
  fieldsOf(form, button).then(
    (fields) => act(action, { ...values, ...fields }, button),
    (error) => say(error.message, true),
  );
});

const LARGEST = 400_000; // bytes of all files of a form; a message to the server holds little more

/** The fields of a form. A chosen file is told by its name and its text. */
async function fieldsOf(form, button) {
  const fields = {};
  let bytes = 0;
  for (const [name, value] of new FormData(form, button)) {
    if (!(value instanceof File)) fields[name] = value;
    if (!(value instanceof File) || !value.name) continue;
    bytes += value.size;
    if (bytes > LARGEST) throw new Error(`${value.name} is too large: files of ${LARGEST / 1000} kB at most`);
    const text = await value.text().catch(() => {
      throw new Error(`${value.name} cannot be read any more; choose it again`);
    });
    (fields[name] ??= []).push({ name: value.name, text });
  }
  return fields;
}

// Parts: the server replaces what has changed, but never what somebody is typing in.

const waiting = new Map();

function inUse(part) {
  const field = document.activeElement;
  const typing = field && part.contains(field) && field.matches("input, textarea, select");
  return typing || part.querySelector("details[open]") !== null;
}

function put(name, html) {
  const part = document.querySelector(`[data-part="${name}"]`);
  if (!part || inUse(part)) {
    waiting.set(name, html);
    return;
  }
  waiting.delete(name);
  part.innerHTML = html;
  live.refresh(part);
  drawSparks(part);
}

function flush() {
  for (const [name, html] of [...waiting]) put(name, html);
}

document.addEventListener("focusout", () => setTimeout(flush, 0));
document.addEventListener("toggle", () => setTimeout(flush, 0), true);

// New Events let the server look again at once, not only at its next turn.

let telling = 0;
live.onEvent((event) => {
  document.dispatchEvent(new CustomEvent("gemel:event", { detail: event }));
  if (telling) return;
  telling = setTimeout(() => {
    telling = 0;
    tell({ action: "changed", id: 0 });
  }, 300);
});

// Theme: the system's, until somebody chooses.

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function nameTheme() {
  const button = document.querySelector("[data-theme-switch]");
  if (button) button.textContent = dark() ? "Light" : "Dark";
  document.dispatchEvent(new Event("gemel:theme"));
}

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-theme-switch]")) {
    const theme = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("gemel.theme", theme);
    nameTheme();
  }
  if (event.target.closest("[data-log-out]")) {
    await fetch("/api/logout", { method: "POST" });
    location.assign("/login");
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);

// Shift and clock of the plant.

const ORDER = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

function shift(ms, shifts) {
  const time = clock(ms).slice(0, 5);
  const today = weekday(ms);
  const before = ORDER[(ORDER.indexOf(today) + 6) % 7];
  for (const each of shifts) {
    const over = each.end <= each.start;
    if (each.days.includes(today) && time >= each.start && (over || time < each.end)) return each.name;
    if (over && each.days.includes(before) && time < each.end) return each.name;
  }
  return "";
}

function showClock() {
  const place = document.querySelector("[data-clock]");
  if (!place) return;
  const name = shift(live.now(), JSON.parse(place.dataset.clock));
  place.textContent = (name ? `${name} · ` : "") + clock(live.now());
}

window.gemel = { put, done, say };
// What NiceGUI makes stands in the middle of the page, where the page has a place for it.
document.querySelector("[data-app]")?.append(document.getElementById("app"));
nameTheme();
live.start();
mountCharts();
mountGantt(act);
mountFilms();
mountTrends();
drawSparks(document);
showClock();
setInterval(showClock, 1_000);

// The page Trends: find signals, compare up to eight over one time axis, look back, download.

import { Chart } from "./chart.js";
import { zone } from "./format.js";
import { fresh } from "./live.js";
import { lineColour, lineDash } from "./paint.js";

const MOST = 8;

export function mountTrends() {
  const page = document.querySelector("[data-trends]");
  if (page) new Trends(page);
}

class Trends {
  constructor(page) {
    this.page = page;
    this.chosen = [];
    this.next = null;
    this.chart = new Chart(page.querySelector("[data-trend-chart]"));
    this.chart.onWindow = () => this.showWindow();
    this.listen();
    this.search("");
    this.restore();
  }

  find(name) {
    return this.page.querySelector(`[data-${name}]`);
  }

  listen() {
    const field = this.find("search");
    let typing = 0;
    field.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.search(field.value.trim()), 150);
    });
    this.find("more").addEventListener("click", () => this.search(this.asked, this.next));
    this.find("follow").addEventListener("click", () => this.chart.follow());
    this.find("as-of").addEventListener("change", (event) => this.lookBack(event.target.value));
    this.page.addEventListener("click", (event) => {
      const preset = event.target.closest("[data-preset]");
      if (preset) this.chart.follow(Number(preset.dataset.preset));
      const row = event.target.closest("[data-choose]");
      if (row) this.toggle(JSON.parse(row.dataset.choose));
      const chip = event.target.closest("[data-drop]");
      if (chip) this.toggle({ path: chip.dataset.drop });
    });
  }

  async search(text, after = "") {
    this.asked = text;
    const match = /[*?[]/.test(text) ? text : `**${text}**`;
    const query = new URLSearchParams({ match, limit: 60, ...(after ? { after } : {}) });
    const answer = await fetch(`/api/signals?${query}`);
    const body = await answer.json();
    if (text !== this.asked) return;
    const list = this.find("list");
    if (!after) list.replaceChildren();
    this.find("count").textContent = answer.ok ? `${body.total} signals` : `no signal matches '${text}'`;
    this.next = answer.ok ? body.next : null;
    this.find("more").classList.toggle("hidden", !this.next);
    for (const signal of answer.ok ? body.items : []) list.append(this.row(signal));
  }

  row(signal) {
    const button = document.createElement("button");
    const { path, unit, type, labels, title } = signal;
    button.type = "button";
    button.dataset.choose = JSON.stringify({ path, unit, type, labels, title: short(path) });
    button.textContent = path;
    button.title = unit ? `${title}, ${unit}` : title;
    button.setAttribute("aria-pressed", String(this.has(path)));
    return button;
  }

  has(path) {
    return this.chosen.some((signal) => signal.path === path);
  }

  toggle(signal) {
    if (this.has(signal.path)) {
      this.chosen = this.chosen.filter(({ path }) => path !== signal.path);
    } else if (this.chosen.length >= MOST) {
      window.gemel.say(`${MOST} signals at most; take one out first`, true);
      return;
    } else {
      this.chosen.push({ ...signal, fresh: fresh(signal.path) });
    }
    this.draw();
  }

  draw() {
    for (const row of this.page.querySelectorAll("[data-choose]")) {
      row.setAttribute("aria-pressed", String(this.has(JSON.parse(row.dataset.choose).path)));
    }
    this.find("chips").replaceChildren(...this.chosen.map((signal, i) => this.chip(signal, i)));
    this.find("hint").classList.toggle("hidden", this.chosen.length > 0);
    this.chart.show(this.chosen);
    this.remember();
  }

  chip(signal, index) {
    const chip = document.createElement("span");
    chip.className = "chip";
    const stroke = this.chosen.length === 1 ? "var(--line-1)" : lineColour(index);
    const dash = lineDash(index);
    chip.innerHTML =
      `<svg viewBox="0 0 18 8"><line x1="0" x2="18" y1="4" y2="4" stroke-width="2"></line></svg>` +
      `<span></span><b class="v" data-signal></b><small></small><button type="button"></button>`;
    const line = chip.querySelector("line");
    line.setAttribute("stroke", stroke);
    if (Array.isArray(dash)) line.setAttribute("stroke-dasharray", dash.join(" "));
    chip.querySelector("span").textContent = signal.title;
    chip.querySelector("b").dataset.signal = signal.path;
    chip.querySelector("small").textContent = signal.unit;
    const drop = chip.querySelector("button");
    drop.textContent = "Take out";
    drop.dataset.drop = signal.path;
    drop.setAttribute("aria-label", `Take out ${signal.title}`);
    return chip;
  }

  lookBack(local) {
    if (!local) return this.chart.follow();
    const end = zoned(local);
    return this.chart.look(end - this.chart.span, end);
  }

  showWindow() {
    const following = this.chart.window === null;
    this.find("follow").classList.toggle("hidden", following);
    if (following) this.find("as-of").value = "";
    for (const preset of this.page.querySelectorAll("[data-preset]")) {
      const on = following && Number(preset.dataset.preset) === this.chart.span;
      preset.setAttribute("aria-pressed", String(on));
    }
    this.remember();
  }

  /** The address names what is shown, so that it can be sent to somebody. */
  remember() {
    const [start, end] = this.chart.range();
    const query = new URLSearchParams();
    for (const { path } of this.chosen) query.append("signal", path);
    query.set("span", this.chart.span);
    if (this.chart.window) {
      query.set("start", Math.round(start));
      query.set("end", Math.round(end));
    }
    history.replaceState(null, "", `/trends?${query}`);
    const download = new URLSearchParams();
    for (const { path } of this.chosen) download.append("signal", path);
    download.set("start", new Date(start).toISOString());
    download.set("end", new Date(end).toISOString());
    const link = this.find("csv");
    link.href = `/trends.csv?${download}`;
    link.classList.toggle("hidden", this.chosen.length === 0);
  }

  async restore() {
    const query = new URLSearchParams(location.search);
    this.chart.span = Number(query.get("span")) || 3_600_000;
    if (query.has("end")) this.chart.window = [Number(query.get("start")), Number(query.get("end"))];
    for (const path of query.getAll("signal").slice(0, MOST)) {
      const answer = await fetch(`/api/signals?${new URLSearchParams({ match: path })}`);
      if (!answer.ok) continue;
      const [{ unit, type, labels }] = (await answer.json()).items;
      this.chosen.push({ path, unit, type, labels, title: short(path), fresh: fresh(path) });
    }
    this.showWindow();
    this.draw();
  }
}

const short = (path) => path.split("/").slice(-2).join(" · ").replaceAll("_", " ");

/** A local time of the plant, as a date field gives it, in ms. */
function zoned(local) {
  const guess = Date.parse(`${local}Z`);
  const parts = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone(), dateStyle: "short", timeStyle: "medium",
  }).format(guess);
  return guess - (Date.parse(`${parts.replace(" ", "T")}Z`) - guess);
}


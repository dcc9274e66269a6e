// Charts: data are down-sampled by the historian (/api/sketch), new values are appended as they
// come, and every zoom asks for its own detail. Signals of one unit share a panel, all share time.

import { clock, day, duration, full, minute, number } from "./format.js";
import * as live from "./live.js";
import { colour, hatch, lineColour, lineDash } from "./paint.js";
import { before, broken, forecasts, json } from "./sketch.js";

const MARKED = new Set(["alarm", "finding", "stop", "slow", "order", "changeover", "command", "note", "fault"]);
const RIGHT = 16;

let library = null;
const load = () => (library ??= import("./echarts/index.js").then((module) => module.echarts));

export class Chart {
  constructor(element) {
    this.element = element;
    this.signals = [];
    this.span = 3_600_000;
    this.window = null; // null follows the present
    this.sketches = [];
    this.events = [];
    this.limits = [];
    this.ahead = new Map(); // by path: how a signal will go on
    this.stops = [];
    this.loading = 0;
    this.onWindow = () => {};
    this.ready = load().then((echarts) => this.begin(echarts));
  }

  begin(echarts) {
    this.chart = echarts.init(this.element, null, { renderer: "canvas" });
    new ResizeObserver(() => {
      this.chart.resize();
      this.layout();
    }).observe(this.element);
    document.addEventListener("gemel:theme", () => this.layout());
    this.chart.on("datazoom", (event) => this.zoomed(event.batch?.[0] ?? event));
    this.chart.getZr().on("dblclick", () => this.follow());
    document.addEventListener("gemel:event", ({ detail }) => this.told(detail));
    setInterval(() => this.tick(), 1_000);
    setInterval(() => !this.window && this.reload(), 30_000);
  }

  /** Show these signals, `{path, title, unit, labels}` each. */
  async show(signals, limits = []) {
    this.stops.forEach((stop) => stop());
    this.signals = signals;
    this.limits = limits;
    this.sketches = signals.map(() => null);
    this.stops = signals.map((signal, i) => live.watch(signal.path, (state) => this.append(i, state)));
    await this.reload();
  }

  /** Follow the present again, with a span in ms. */
  follow(span = this.span) {
    this.span = span;
    this.window = null;
    this.onWindow(this);
    return this.reload();
  }

  /** Look at a stretch of the past, in ms. */
  look(start, end) {
    this.window = [start, end];
    this.onWindow(this);
    return this.reload();
  }

  range() {
    if (this.window) return this.window;
    const end = live.now();
    return [end - this.span, end];
  }

  async reload() {
    const turn = ++this.loading;
    if (!this.signals.length) {
      this.chart?.clear();
      return;
    }
    const [start, end] = this.range();
    const times = { start: new Date(start).toISOString(), end: new Date(end).toISOString() };
    const points = Math.max(200, Math.round(this.element.clientWidth * 1.5));
    try {
      const asked = this.signals.map((signal) =>
        json("/api/sketch", { signal: signal.path, ...times, points }),
      );
      const [sketches, resting, events, ahead] = await Promise.all([
        Promise.all(asked),
        before(this.signals, times.start),
        json("/api/events", { ...times, limit: 300 }),
        this.window ? [] : forecasts(),
        this.ready,
      ]);
      if (turn !== this.loading) return;
      this.sketches = sketches.map((sketch) => {
        const data = sketch.time.map((time, i) => [time, sketch.value[i]]);
        const held = resting.get(sketch.signal) ?? null;
        if (held !== null && (!data.length || data[0][0] > start)) data.unshift([start, held]);
        return { gaps: sketch.gaps, data: broken(data, sketch.gaps) };
      });
      this.events = events;
      this.ahead = new Map(ahead);
      this.element.removeAttribute("data-problem");
      this.layout();
      this.element.dataset.points = sketches.reduce((sum, sketch) => sum + sketch.time.length, 0);
      this.element.dataset.ahead = this.signals.filter(({ path }) => this.ahead.has(path)).length;
    } catch (error) {
      this.element.dataset.problem = String(error.message || error);
    }
  }

  append(index, state) {
    const sketch = this.sketches[index];
    if (!sketch || this.window || state.ms === null) return;
    const last = sketch.data.at(-1);
    if (last && last[0] >= state.ms) return;
    sketch.data.push([state.ms, state.quality.startsWith("bad") ? null : state.number]);
  }

  told(event) {
    if (event.kind === "gap") this.reload();
    else if (MARKED.has(event.kind)) this.events.unshift(event);
  }

  tick() {
    if (!this.chart || this.window || document.hidden || !this.signals.length) return;
    const [start, end] = this.range();
    for (const sketch of this.sketches) {
      if (!sketch) continue;
      const first = sketch.data.findIndex(([time]) => time >= start);
      if (first > 1) sketch.data.splice(0, first - 1);
    }
    this.chart.setOption({
      xAxis: this.panels().map(() => ({ min: start, max: this.until(end) })),
      series: this.signals.map((signal, i) => ({ id: signal.path, data: this.data(i, end) })),
    });
  }

  /** Where the axis ends: with the forecasts, which take half of it at most. */
  until(end) {
    if (this.window) return end;
    const ends = this.signals.map(({ path }) => this.ahead.get(path)?.at(-1)[0] ?? end);
    return Math.min(Math.max(end, ...ends), end + this.span);
  }

  /** How a signal will go on: its median broken, its interval pale. */
  forecast(signal, stroke, panel) {
    const way = this.window ? null : this.ahead.get(signal.path);
    if (!way) return [];
    const common = {
      type: "line", xAxisIndex: panel, yAxisIndex: panel, symbol: "none", silent: true,
      itemStyle: { color: stroke }, emphasis: { disabled: true },
    };
    const band = { ...common, stack: `${signal.path} ahead`, stackStrategy: "all", lineStyle: { width: 0 } };
    return [
      { ...band, id: `${signal.path} low`, data: way.map(([ms, , low]) => [ms, low]) },
      {
        ...band, id: `${signal.path} high`, areaStyle: { color: stroke, opacity: 0.15 },
        data: way.map(([ms, , low, high]) => [ms, high - low]),
      },
      {
        ...common, id: `${signal.path} ahead`, lineStyle: { color: stroke, width: 1.3, type: [3, 3] },
        data: way.map(([ms, value]) => [ms, value]),
      },
    ];
  }

  /** The line of a signal: its last value holds, while it is good and where nothing is missing. */
  data(index, end) {
    const { data = [], gaps = [] } = this.sketches[index] ?? {};
    const last = data.at(-1);
    if (!last || last[1] === null || last[0] >= end) return data;
    const missing = gaps.some((gap) => !gap.refilled && gap.end > last[0] && gap.start < end);
    const holds = this.window ? !missing : this.signals[index].fresh?.();
    return holds ? [...data, [Math.min(end, live.now()), last[1]]] : data;
  }

  panels() {
    const units = [];
    for (const signal of this.signals) {
      const key = panelOf(signal);
      if (!units.includes(key)) units.push(key);
    }
    return units;
  }

  layout() {
    if (!this.chart) return;
    const panels = this.panels();
    const [start, end] = this.range();
    const height = this.element.clientHeight;
    const each = (height - 34) / Math.max(1, panels.length);
    const ink = colour("ink-2");
    const rule = colour("rule");
    const several = this.signals.length > panels.length;
    const right = several && this.element.clientWidth > 560 ? 150 : RIGHT;
    const left = this.signals.some(isCoded) ? 88 : 56;
    const label = { color: ink, fontSize: 11, hideOverlap: true };
    this.chart.setOption(
      {
        animation: false,
        textStyle: { fontFamily: "system-ui, DejaVu Sans, sans-serif" },
        axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: ink } },
        toolbox: { feature: { dataZoom: { yAxisIndex: false, filterMode: "none" } }, itemSize: 0, top: -40 },
        tooltip: {
          trigger: "axis", confine: true, transitionDuration: 0,
          backgroundColor: colour("card"), borderColor: rule, borderWidth: 1, padding: 8,
          extraCssText: "box-shadow:none;border-radius:0",
          textStyle: { color: colour("ink"), fontSize: 12 },
          formatter: (points) => this.words(points),
        },
        grid: panels.map((_, i) => ({ left, right, outerBoundsMode: "none", top: 20 + i * each, height: each - 28 })),
        xAxis: panels.map((_, i) => ({
          type: "time", gridIndex: i, min: start, max: this.until(end),
          axisLine: { lineStyle: { color: rule } }, axisTick: { show: false }, splitLine: { show: false },
          axisLabel: { ...label, show: i === panels.length - 1, formatter: (ms) => this.timeWords(ms, end - start) },
        })),
        yAxis: panels.map((key, i) => ({
          type: "value", gridIndex: i, scale: true, splitNumber: each > 200 ? 4 : 2,
          name: this.signals.length > 1 ? unitOf(this.signals, key) : "",
          nameTextStyle: { color: ink, align: "right", fontSize: 11 }, nameGap: 8,
          axisLine: { show: false }, axisTick: { show: false },
          splitLine: { lineStyle: { color: rule } },
          axisLabel: { ...label, formatter: (value) => this.valueWords(key, value) },
          ...this.reach(key),
        })),
        series: this.signals.flatMap((signal, i) => this.series(signal, i, panels, right > RIGHT)),
      },
      { notMerge: true },
    );
    this.chart.dispatchAction({
      type: "takeGlobalCursor", key: "dataZoomSelect", dataZoomSelectActive: true,
    });
  }

  series(signal, index, panels, named) {
    const panel = panels.indexOf(panelOf(signal));
    const first = this.signals.findIndex((other) => panelOf(other) === panels[panel]) === index;
    const stroke = this.signals.length === 1 ? colour("line-1") : lineColour(index);
    const data = this.data(index, this.range()[1]);
    const line = {
      id: signal.path, name: signal.title, type: "line", xAxisIndex: panel, yAxisIndex: panel,
      data, step: isCoded(signal) ? "end" : false,
      symbol: "circle", symbolSize: 3, showSymbol: data.length < 3, silent: true,
      itemStyle: { color: stroke },
      lineStyle: { color: stroke, width: 1.3, type: lineDash(index) },
      emphasis: { disabled: true },
      endLabel: { show: named, formatter: "{a}", color: stroke, fontSize: 11, width: 138, overflow: "truncate" },
      labelLayout: { moveOverlap: "shiftY" },
      markArea: this.gaps(index, first),
      markLine: this.lines(signal, first, panel === 0),
    };
    return [line, ...this.forecast(signal, stroke, panel)];
  }

  gaps(index) {
    const [start, end] = this.range();
    const gaps = this.sketches[index]?.gaps ?? [];
    return {
      silent: true,
      itemStyle: { color: hatch(), borderWidth: 0 },
      label: { color: colour("ink-2"), fontSize: 11, position: "insideBottom" },
      data: gaps
        .map((gap) => ({ ...gap, from: Math.max(gap.start, start), to: Math.min(gap.end, end) }))
        .filter((gap) => gap.to > gap.from)
        .map((gap) => {
          const state = gap.refilled ? "refilled" : "missing";
          const wide = (gap.to - gap.from) / (end - start) > 0.04 || gaps.length === 1;
          const name = wide ? `no data ${duration((gap.end - gap.start) / 1000)}, ${state}` : "";
          const middle = ((gap.from + gap.to) / 2 - start) / (end - start);
          const align = middle > 0.88 ? "right" : middle < 0.12 ? "left" : "center";
          return [{ xAxis: gap.from, name, label: { align } }, { xAxis: gap.to }];
        }),
    };
  }

  lines(signal, firstOfPanel, firstPanel) {
    const data = this.limits
      .filter((limit) => limit.signal === signal.path && Number.isFinite(limit.value))
      .map((limit) => ({
        yAxis: limit.value,
        lineStyle: { color: colour(limit.priority || "high"), type: "solid", width: 1.3 },
        label: { formatter: `limit ${number(limit.value)}`, position: "insideStartTop", color: colour("high-ink"), fontSize: 11 },
      }));
    if (firstOfPanel && firstPanel) data.push(...this.marks());
    return { silent: true, symbol: "none", animation: false, data };
  }

  marks() {
    const [start, end] = this.range();
    const ink = colour("faint");
    let last = Infinity;
    return this.events
      .filter((event) => MARKED.has(event.kind) && this.concerns(event))
      .map((event) => ({ event, ms: Date.parse(event.time) }))
      .filter(({ ms }) => ms > start && ms < end)
      .slice(0, 40)
      .map(({ event, ms }) => {
        const near = last - ms < (end - start) * 0.14;
        if (!near) last = ms;
        const words = event.payload.title || event.payload.order || event.kind;
        return {
          xAxis: ms,
          lineStyle: { color: ink, type: "dashed", width: 1 },
          label: {
            show: !near, formatter: () => String(words).slice(0, 28), color: ink, fontSize: 10.5,
            position: "end", distance: 2,
          },
        };
      });
  }

  concerns(event) {
    if (event.kind === "alarm" && event.payload.transition && event.payload.transition !== "raise") return false;
    if (["order", "changeover", "note"].includes(event.kind)) return true;
    return this.signals.some(({ path }) => path === event.subject || path.startsWith(`${event.subject}/`));
  }

  reach(key) {
    const coded = this.signals.find((signal) => panelOf(signal) === key && isCoded(signal));
    if (coded) {
      return { min: ({ min }) => Math.floor(min) - 1, max: ({ max }) => Math.ceil(max) + 1, minInterval: 1 };
    }
    const limits = this.limits.filter((limit) =>
      this.signals.some((signal) => signal.path === limit.signal && panelOf(signal) === key),
    );
    if (!limits.length) return {};
    const values = limits.map((limit) => limit.value);
    return {
      axisLabel: { color: colour("ink-2"), fontSize: 11, formatter: number, showMinLabel: false, showMaxLabel: false },
      min: (range) => within(Math.min(range.min, ...values), range.min, range, -1),
      max: (range) => within(Math.max(range.max, ...values), range.max, range, 1),
    };
  }

  valueWords(key, value) {
    const signal = this.signals.find((other) => panelOf(other) === key);
    if (signal?.labels && Object.keys(signal.labels).length) return signal.labels[value] ?? "";
    if (signal?.type === "boolean") return { 0: "no", 1: "yes" }[value] ?? "";
    return signal && isCoded(signal) && !Number.isInteger(value) ? "" : number(value);
  }

  timeWords(ms, span) {
    if (span > 36 * 3_600_000) return `${day(ms)} ${minute(ms)}`;
    return span < 600_000 ? clock(ms) : minute(ms);
  }

  words(points) {
    const box = document.createElement("div");
    const head = document.createElement("div");
    head.textContent = full(points[0].axisValue);
    box.append(head);
    for (const { seriesId, value: [ms, value] } of points) {
      const path = seriesId.replace(/ ahead$/, "");
      const signal = this.signals.find((other) => other.path === path);
      if (!signal) continue; // an end of an interval
      const line = document.createElement("div");
      const text = value === null ? "—" : this.valueWords(panelOf(signal), value) || number(value);
      line.textContent = `${signal.title}: ${text} ${signal.unit || ""}`;
      if (path !== seriesId) {
        const [, , low, high] = this.ahead.get(path).find((step) => step[0] === ms);
        line.textContent += ` expected (${number(low)} to ${number(high)})`;
      }
      box.append(line);
    }
    return box;
  }

  zoomed({ startValue, endValue }) {
    if (startValue === undefined || endValue - startValue < 500) return;
    this.look(startValue, endValue);
  }
}

const isCoded = (signal) => Boolean(signal.type) && signal.type !== "number";

const panelOf = (signal) => (isCoded(signal) ? signal.path : `unit ${signal.unit || ""}`);

const unitOf = (signals, key) => signals.find((signal) => panelOf(signal) === key)?.unit || "";

/** A limit far outside the data must not flatten the line. */
function within(value, bound, range, sign) {
  const room = (range.max - range.min || Math.abs(range.max) * 0.02 || 1) * 2;
  const reached = Math.abs(value - bound) > room ? bound : value;
  return reached + sign * (range.max - range.min || 1) * 0.05;
}

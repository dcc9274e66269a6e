// The chart of the Live page: one signal, chosen in an asset's panel or named by the server.

import { Chart } from "./chart.js";
import { fresh } from "./live.js";

export function mountCharts() {
  const element = document.querySelector("[data-chart]");
  if (!element) return;
  const chart = new Chart(element);
  chart.span = Number(element.dataset.span);
  const title = document.querySelector("[data-chart-title]");
  const back = document.querySelector("[data-chart-follow]");
  const draw = (signal) => {
    title.textContent = `${signal.asset} · ${signal.title}`;
    document.querySelector("[data-chart-unit]").textContent = signal.unit ? `· ${signal.unit}` : "";
    chart.show([{ ...signal, fresh: fresh(signal.path) }], JSON.parse(element.dataset.limits || "[]"));
  };
  chart.onWindow = () => back.classList.toggle("hidden", chart.window === null);
  back.addEventListener("click", () => chart.follow());
  document.addEventListener("click", (event) => {
    const span = event.target.closest("[data-chart-span]");
    if (span) {
      for (const other of document.querySelectorAll("[data-chart-span]")) {
        other.setAttribute("aria-pressed", String(other === span));
      }
      chart.follow(Number(span.dataset.chartSpan));
    }
    const picked = event.target.closest("[data-pick]");
    if (picked) {
      draw(JSON.parse(picked.dataset.pick));
      element.scrollIntoView({ block: "nearest" });
    }
  });
  const first = JSON.parse(element.dataset.chart);
  if (first) draw(first);
}

// How values, ages and times read. Times are of the plant, not of the browser.

const groups = /\B(?=(\d{3})+(?!\d))/g;

export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "—";
  const size = Math.abs(value);
  const digits = size >= 1000 || Number.isInteger(value) ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  const [whole, rest] = Math.abs(value).toFixed(digits).split(".");
  const sign = value < 0 && Number((whole + (rest || "")).replace(/\D/g, "")) !== 0 ? "−" : "";
  return sign + whole.replace(groups, "\u2009") + (rest ? "." + rest : "");
}

export function shown(entry) {
  const value = entry.value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return number(value);
  return value === null || value === undefined ? "—" : String(value);
}

export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 1) return `${(Math.round(s * 10) / 10).toFixed(1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

export const zone = () => document.querySelector(".g-frame")?.dataset.zone || "UTC";
const formats = new Map();

function format(kind, options) {
  const key = kind + zone();
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone(), hourCycle: "h23", ...options }));
  }
  return formats.get(key);
}

export const clock = (ms) =>
  format("clock", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
export const minute = (ms) => format("minute", { hour: "2-digit", minute: "2-digit" }).format(ms);
export const day = (ms) => format("day", { day: "numeric", month: "short" }).format(ms);
export const weekday = (ms) => format("weekday", { weekday: "short" }).format(ms).toLowerCase();
export const full = (ms) => `${day(ms)} ${clock(ms)}`;

// Data of charts, as the historian gives them.

/** GET plain data; an error has the sentence of the answer. */
export async function json(path, params) {
  const answer = await fetch(`${path}?${new URLSearchParams(params)}`);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message);
  return body;
}

/** What each signal was at a time: a signal that rests has no samples in the window. */
export async function before(signals, start) {
  const asked = signals.map(({ path }) => ["signal", path]);
  const rows = await json("/api/history", [...asked, ["at", start]]);
  const good = (i) => rows.quality[i] >= 0 && rows.value[i] !== null;
  return new Map(rows.signal.map((path, i) => [path, good(i) ? rows.value[i] : null]));
}

/** How signals will go on, by path: [ms, median, low, high] of each step. */
export async function forecasts() {
  const found = await json("/api/forecasts");
  return found.map(({ signal, time, value, low, high }) => [
    signal, time.map((moment, i) => [Date.parse(moment), value[i], low[i], high[i]]),
  ]);
}

/** Where a gap holds no samples the line ends, and begins again. */
export function broken(data, gaps) {
  const out = [...data];
  for (const gap of gaps) {
    if (gap.refilled) continue;
    const next = out.findIndex(([time]) => time > gap.start);
    if (next > 0 && out[next][0] >= gap.end) out.splice(next, 0, [gap.start, null]);
  }
  return out;
}

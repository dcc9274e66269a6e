// Small trends: <svg data-spark="path"> gets a line of its last minutes.

const POINTS = 60;

async function draw(svg) {
  svg.dataset.drawn = "yes";
  const query = new URLSearchParams({
    signal: svg.dataset.spark,
    start: svg.dataset.span || "-10m",
    points: svg.clientWidth > 120 ? 4 * POINTS : POINTS,
  });
  const answer = await fetch(`/api/sketch?${query}`);
  if (!answer.ok) return;
  const sketch = await answer.json();
  const known = sketch.value.filter((value) => value !== null);
  if (known.length < 2) return;
  const low = Math.min(...known);
  const high = Math.max(...known);
  const start = Math.max(sketch.start, sketch.time[0]);
  const span = sketch.end - start || 1;
  const height = high - low || 1;
  const points = sketch.time
    .map((time, i) => [time, sketch.value[i]])
    .filter(([, value]) => value !== null)
    .map(([time, value]) => {
      const x = ((time - start) / span) * 90;
      const y = high === low ? 10 : 18 - ((value - low) / height) * 16;
      return `${Math.max(0, x).toFixed(1)},${y.toFixed(1)}`;
    });
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.join(" "));
  svg.replaceChildren(line);
}

/** Draw all small trends below `root`, a few at a time. */
export async function drawSparks(root) {
  const open = [...root.querySelectorAll("svg[data-spark]:not([data-drawn])")];
  const next = async () => {
    for (let svg = open.shift(); svg; svg = open.shift()) await draw(svg).catch(() => {});
  };
  await Promise.all([next(), next(), next()]);
}

// Small trends: <svg data-spark="path"> gets a line of its last minutes.

const POINTS = 60;

async function ask(svg, signal) {
  const query = new URLSearchParams({
    signal,
    start: svg.dataset.span || "-10m",
    points: svg.clientWidth > 120 ? 4 * POINTS : POINTS,
  });
  const answer = await fetch(`/api/sketch?${query}`);
  return answer.ok ? answer.json() : null;
}

async function draw(svg) {
  svg.dataset.drawn = "yes";
  const band = svg.dataset.band ? svg.dataset.band.split("|") : [];
  const [sketch, ...sides] = await Promise.all(
    [svg.dataset.spark, ...band].map((signal) => ask(svg, signal)),
  );
  if (!sketch || sides.includes(null)) return;
  const known = [sketch, ...sides].flatMap((one) => one.value.filter((value) => value !== null));
  if (svg.dataset.scale) known.push(...svg.dataset.scale.split("|").map(Number));
  if (sketch.value.filter((value) => value !== null).length < 2) return;
  const low = Math.min(...known);
  const high = Math.max(...known);
  const start = Math.max(sketch.start, sketch.time[0]);
  const span = sketch.end - start || 1;
  const height = high - low || 1;
  const points = (one) =>
    one.time
      .map((time, i) => [time, one.value[i]])
      .filter(([, value]) => value !== null)
      .map(([time, value]) => {
        const x = ((time - start) / span) * 90;
        const y = high === low ? 10 : 18 - ((value - low) / height) * 16;
        return `${Math.max(0, x).toFixed(1)},${y.toFixed(1)}`;
      });
  const shape = (kind, drawn) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
    element.setAttribute("points", drawn.join(" "));
    return element;
  };
  const shapes = [shape("polyline", points(sketch))];
  if (sides.length === 2) {
    shapes.unshift(shape("polygon", [...points(sides[0]), ...points(sides[1]).reverse()]));
  }
  svg.replaceChildren(...shapes);
}

/** Draw all small trends below `root`, a few at a time. */
export async function drawSparks(root) {
  const open = [...root.querySelectorAll("svg[data-spark]:not([data-drawn])")];
  const next = async () => {
    for (let svg = open.shift(); svg; svg = open.shift()) await draw(svg).catch(() => {});
  };
  await Promise.all([next(), next(), next()]);
}

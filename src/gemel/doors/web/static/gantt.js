// Bars of a plan can be put elsewhere: the server plans the rest around them.

export function mountGantt(act) {
  let held = null;
  const point = (svg, event) => {
    const at = svg.createSVGPoint();
    at.x = event.clientX;
    at.y = event.clientY;
    return at.matrixTransform(svg.getScreenCTM().inverse());
  };
  document.addEventListener("pointerdown", (event) => {
    const bar = event.target.closest("g[data-operation]");
    const svg = bar?.closest("svg[data-gantt]");
    if (!svg) return;
    event.preventDefault();
    const rect = bar.querySelector("rect");
    held = { bar, svg, from: point(svg, event), x: Number(rect.getAttribute("x")), y: Number(rect.getAttribute("y")) };
    bar.classList.add("held");
  });
  document.addEventListener("pointermove", (event) => {
    if (!held) return;
    const at = point(held.svg, event);
    held.dx = at.x - held.from.x;
    held.dy = at.y - held.from.y;
    held.bar.setAttribute("transform", `translate(${held.dx} ${held.dy})`);
  });
  document.addEventListener("pointerup", () => {
    if (!held) return;
    const { bar, svg, x, y, dx = 0, dy = 0 } = held;
    held = null;
    bar.classList.remove("held");
    const { left, wide, row, begin, span, machines } = svg.dataset;
    const names = machines.split("\n");
    const machine = names[Math.max(0, Math.min(names.length - 1, Math.round((y + dy - 3) / Number(row))))];
    if (Math.abs(dx) < 4 && Math.abs(dy) < 8) {
      bar.removeAttribute("transform");
      return;
    }
    const seconds = ((x + dx - Number(left)) / (Number(wide) - Number(left))) * Number(span);
    const start = new Date(1000 * (Number(begin) + Math.max(0, seconds)));
    act("move", { operation: bar.dataset.operation, machine, start: start.toISOString() }, null);
    setTimeout(() => bar.removeAttribute("transform"), 4_000);
  });
}

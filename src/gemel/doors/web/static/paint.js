// Colours of charts come from the tokens of the style sheet, in both themes.

const DASHES = ["solid", "solid", "solid", "solid", [6, 3], [6, 3], [2, 2], [2, 2]];

const probe = document.createElement("i");

/** A token as a colour that a canvas understands. */
export function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

export const lineColour = (index) => colour(`line-${(index % 4) + 1}`);
export const lineDash = (index) => DASHES[index % DASHES.length];

/** What is missing is hatched. */
export function hatch() {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour("hatch");
  pen.lineWidth = 1;
  pen.beginPath();
  for (const shift of [-8, 0, 8]) {
    pen.moveTo(shift, 8);
    pen.lineTo(shift + 8, 0);
  }
  pen.stroke();
  return { image: tile, repeat: "repeat" };
}

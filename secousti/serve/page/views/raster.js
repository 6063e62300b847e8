// Tokens as columns of coloured digits.

import { digits } from "../data/codebook.js";
import { css, ramp } from "./canvas.js";

const GAP = 1; // CSS pixels between digits
const DIGITS = ["digit-0", "digit-1", "digit-2"];

export function drawRaster(canvas, take, { from, to }) {
  const context = canvas.clear();
  if (!take) return;
  const { width, height } = canvas;
  const { levels, frame_rate: rate } = take.model;
  const colours = digitColours(levels);
  const rows = Math.max(1, levels.length);
  const wide = width / ((to - from) * rate), high = (height - (rows - 1) * GAP) / rows;
  const gap = wide > 4 ? GAP : 0;
  const first = Math.max(0, Math.floor(from * rate));
  take.tokens.view(first, Math.ceil(to * rate)).forEach((token, i) => {
    const x = (first + i - from * rate) * wide;
    context.globalAlpha = take.lost.array[first + i] ? 0.18 : 1;
    digits(token, levels).forEach((digit, row) => {
      context.fillStyle = colours(digit, row);
      context.fillRect(x, row * (high + GAP), wide - gap, high);
    });
    context.globalAlpha = 1;
    if (take.lost.array[first + i]) {
      context.fillStyle = css("live");
      context.fillRect(x, height / 2 - 1, wide - gap, 2);
    }
  });
}

/** (digit, row) -> colour; tokens without digits get one of many hues each. */
export function digitColours(levels) {
  if (!levels.length) return (token) => `hsl(${(token * 137.508) % 360} 45% 55%)`;
  const colours = levels.map((level) => ramp(DIGITS, level).map((c) => `rgb(${c.join(" ")})`));
  return (digit, row) => colours[row][digit];
}

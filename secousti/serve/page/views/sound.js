// Waveform and spectrogram of one side.

import { BANDS, HOP_SECONDS } from "../data/spectrum.js";
import { css, ramp } from "./canvas.js";

const STEP = 3; // CSS pixels of a bar of the waveform
const SHADES = 256, SPECTRUM = ["spectrum-0", "spectrum-1", "spectrum-2", "spectrum-3", "spectrum-4"];

/** One row for each band, to be stretched. */
const scratch = new OffscreenCanvas(1, BANDS).getContext("2d", { willReadFrequently: true });

export function drawWave(canvas, side, { from, to }, colour, playhead) {
  const context = canvas.clear();
  const { width, height } = canvas;
  context.fillStyle = css("line");
  context.fillRect(0, height / 2 - 0.5, width, 1);
  if (side) {
    context.fillStyle = css(colour);
    context.beginPath();
    for (let x = 0; x < width; x += STEP) {
      const peak = largest(side.spectrum.peaks, hop(x), hop(x + STEP));
      const bar = Math.max(0, Math.sqrt(peak) * height); // quiet speech is seen as well
      if (bar > 1) context.roundRect(x, (height - bar) / 2, STEP - 1, bar, 1);
    }
    context.fill();
  }
  drawPlayhead(canvas, { from, to }, playhead);

  function hop(x) {
    return (from + ((to - from) * x) / width) / HOP_SECONDS;
  }
}

export function drawSpectrum(canvas, side, { from, to }, playhead) {
  const context = canvas.clear();
  if (!side) return;
  const { width, height } = canvas;
  const columns = side.spectrum.columns.view();
  const count = columns.length / BANDS;
  const image = new ImageData(width, BANDS);
  const pixels = new Uint32Array(image.data.buffer);
  const shades = palette();
  for (let x = 0; x < width; x++) {
    const column = Math.floor((from + ((to - from) * x) / width) / HOP_SECONDS);
    if (column < 0 || column >= count) continue;
    for (let band = 0; band < BANDS; band++) {
      pixels[(BANDS - 1 - band) * width + x] = shades[columns[column * BANDS + band]];
    }
  }
  scratch.canvas.width = width;
  scratch.putImageData(image, 0, 0);
  context.drawImage(scratch.canvas, 0, 0, width, height);
  drawPlayhead(canvas, { from, to }, playhead);
}

function drawPlayhead({ context, width, height }, { from, to }, seconds) {
  if (seconds == null) return;
  context.fillStyle = css("playhead");
  context.fillRect(((seconds - from) / (to - from)) * width - 1, 0, 2, height);
}

function largest(peaks, from, to) {
  let peak = 0;
  for (const value of peaks.view(Math.floor(from), Math.max(Math.floor(from) + 1, Math.floor(to)))) {
    if (value > peak) peak = value;
  }
  return Math.min(1, peak);
}

let shades = null;
addEventListener("themechange", () => (shades = null));

/** 256 colours as the little-endian pixels of an ImageData. */
function palette() {
  shades ??= Uint32Array.from(
    ramp(SPECTRUM, SHADES),
    ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0,
  );
  return shades;
}

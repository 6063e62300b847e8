// All drawings share one time axis: the last seconds while it runs, the whole afterwards.

import { digits } from "../data/codebook.js";
import { Canvas } from "../views/canvas.js";
import { digitColours, drawRaster } from "../views/raster.js";
import { drawSpectrum, drawWave } from "../views/sound.js";

const WINDOW = 6, SHORTEST = 2; // seconds
const $ = (id) => document.getElementById(id);

export class Pictures {
  constructor() {
    this.take = null;
    this.running = false;
    this.playhead = null;
    const again = () => this.draw();
    this.canvases = {};
    for (const id of ["wave-before", "wave-after", "spectrum-before", "spectrum-after", "raster"]) {
      this.canvases[id] = new Canvas($(id), again);
    }
    addEventListener("themechange", () => requestAnimationFrame(again));
  }

  /** `playhead`: {side, seconds} of a recording that is being played, or null. */
  draw() {
    if (!this.canvases?.raster) return;
    const { take, playhead } = this;
    const range = this.#range();
    const at = (side) => (playhead?.side === side ? playhead.seconds : null);
    for (const [side, colour] of [["before", "wave-before"], ["after", "wave-after"]]) {
      drawWave(this.canvases[`wave-${side}`], take?.[side], range, colour, at(side));
      drawSpectrum(this.canvases[`spectrum-${side}`], take?.[side], range, at(side));
    }
    drawRaster(this.canvases.raster, take, range);
    this.#label(range);
  }

  #range() {
    if (!this.take) return { from: 0, to: WINDOW };
    const { before, after, latency } = this.take;
    if (!this.running) return { from: 0, to: Math.max(SHORTEST, before.seconds, after.seconds) };
    // Both sides stay in sight when the sound comes back late, or faster than it was spoken.
    const now = Math.min(before.seconds, after.seconds + (latency ? WINDOW / 2 : 0));
    return { from: Math.max(0, now - WINDOW), to: Math.max(WINDOW, now) };
  }

  #label({ from, to }) {
    for (const axis of document.querySelectorAll(".axis")) {
      axis.querySelector(".from").textContent = this.take ? `${from.toFixed(1)} s` : "";
      axis.querySelector(".to").textContent = this.take ? `${to.toFixed(1)} s` : "";
    }
    const { tokens, model } = this.take ?? {};
    const newest = tokens?.length ? tokens.array[tokens.length - 1] : null;
    $("newest").querySelector("b").textContent =
      newest === null ? "–" : [newest, ...(model.levels.length ? ["=", digits(newest, model.levels).join(" ")] : [])].join(" ");
  }
}

/** Which colour is which digit. */
export function showLegend(model) {
  const highest = Math.max(...model.levels, 0);
  const items = Array.from({ length: highest }, (_, digit) => {
    const item = document.createElement("li"), swatch = document.createElement("i");
    swatch.style.background = digitColours([highest])(digit, 0);
    item.append(swatch, String(digit));
    return item;
  });
  $("legend").replaceChildren(...items);
  $("token-note").textContent = model.levels.length
    ? `each is ${model.levels.length} digits; this and the voice is all that travels`
    : "this is all that travels";
}

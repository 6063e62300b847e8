// A canvas at the screen's resolution, and colours from the style sheet.

export class Canvas {
  constructor(element, redraw) {
    this.element = element;
    // In memory: small drawings that change all the time are slower on a graphics card.
    this.context = element.getContext("2d", { willReadFrequently: true });
    new ResizeObserver(() => {
      this.#fit();
      redraw();
    }).observe(element);
    this.#fit();
  }

  #fit() {
    const { width, height } = this.element.getBoundingClientRect();
    this.scale = Math.min(2, devicePixelRatio || 1);
    this.width = Math.max(1, Math.round(width));
    this.height = Math.max(1, Math.round(height));
    this.element.width = this.width * this.scale;
    this.element.height = this.height * this.scale;
  }

  /** The context, empty, in CSS pixels. */
  clear() {
    this.context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    return this.context;
  }
}

const cache = new Map();
addEventListener("themechange", () => cache.clear());

/** A custom property as [r, g, b]; the browser resolves what it says for light and dark. */
export function rgb(name) {
  if (!cache.has(name)) {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    cache.set(name, getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number));
    probe.remove();
  }
  return cache.get(name);
}

export function css(name, alpha = 1) {
  return `rgb(${rgb(name).join(" ")} / ${alpha})`;
}

/** Colours [r, g, b] evenly between the named ones. */
export function ramp(names, count) {
  const stops = names.map(rgb);
  return Array.from({ length: count }, (_, i) => {
    const place = (i / Math.max(1, count - 1)) * (stops.length - 1);
    const left = Math.min(Math.floor(place), stops.length - 2);
    return stops[left].map((v, c) => Math.round(v + (stops[left + 1][c] - v) * (place - left)));
  });
}

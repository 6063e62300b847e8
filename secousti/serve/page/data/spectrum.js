// Columns of a spectrogram, 64 bands from 50 Hz to 8 kHz, one every 10 ms.

import { Growable } from "./growable.js";

export const BANDS = 64, HOP_SECONDS = 0.01;
const LOW = 50, HIGH = 8000, WINDOW_SECONDS = 0.026;
const FLOOR_DB = -78, CEILING_DB = -12;

const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
const hertz = (m) => 700 * (10 ** (m / 2595) - 1);

/** Grows with the samples pushed: bytes 0 (silent) to 255 (loud), and peaks of the waveform. */
export class Spectrum {
  constructor(rate) {
    this.rate = rate;
    this.size = 2 ** Math.round(Math.log2(WINDOW_SECONDS * rate));
    this.window = Float32Array.from({ length: this.size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / this.size));
    this.bands = bandBins(rate, this.size);
    this.columns = new Growable(Uint8Array); // BANDS bytes each, lowest first
    this.peaks = new Growable(Float32Array); // largest magnitude of each hop
    this.recent = new Float32Array(this.size);
    this.taken = 0;
    this.peak = 0;
    this.due = HOP_SECONDS * rate;
  }

  get seconds() {
    return this.taken / this.rate;
  }

  push(samples) {
    for (const sample of samples) {
      this.recent[this.taken++ % this.size] = sample;
      this.peak = Math.max(this.peak, Math.abs(sample));
      if (this.taken >= this.due) this.#column();
    }
  }

  #column() {
    this.due += HOP_SECONDS * this.rate;
    this.peaks.push([this.peak]);
    this.peak = 0;
    const re = new Float32Array(this.size), im = new Float32Array(this.size);
    for (let i = 0; i < this.size; i++) re[i] = this.window[i] * this.recent[(this.taken + i) % this.size];
    transform(re, im);
    const scale = 4 / this.size; // a full-scale sine reads 1
    this.columns.push(this.bands.map(([from, to]) => level(re, im, from, to, scale)));
  }
}

function level(re, im, from, to, scale) {
  let largest = 0;
  for (let k = from; k < to; k++) largest = Math.max(largest, re[k] * re[k] + im[k] * im[k]);
  const db = 10 * Math.log10(largest * scale * scale + 1e-12);
  return Math.max(0, Math.min(255, (255 * (db - FLOOR_DB)) / (CEILING_DB - FLOOR_DB)));
}

function bandBins(rate, size) {
  const step = (mel(HIGH) - mel(LOW)) / BANDS;
  const bin = (i) => Math.min(size / 2, Math.round((hertz(mel(LOW) + i * step) * size) / rate));
  return Array.from({ length: BANDS }, (_, i) => [bin(i), Math.max(bin(i) + 1, bin(i + 1))]);
}

/** Radix-2 FFT in place. */
export function transform(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let half = 1; half < n; half *= 2) {
    for (let k = 0; k < half; k++) {
      const angle = (-Math.PI * k) / half, c = Math.cos(angle), s = Math.sin(angle);
      for (let a = k; a < n; a += 2 * half) {
        const b = a + half;
        const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
    }
  }
}

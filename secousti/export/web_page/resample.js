// The codec's own resampler: a Hann-windowed sinc over six zero crossings (secousti/audio/resample.py).

import { Growable } from "./data/growable.js";

const ZERO_CROSSINGS = 6, ROLLOFF = 0.99;

/** A stream of float32 samples from one rate to another; ceil(N * to / from) of N come out. */
export class Resampler {
  constructor(from, to) {
    const common = divisor(from, to);
    this.old = from / common;
    this.new = to / common;
    const cutoff = Math.min(this.old, this.new) * ROLLOFF;
    this.width = Math.ceil((ZERO_CROSSINGS * this.old) / cutoff);
    this.same = from === to;
    this.taps = this.same ? [] : filters(this.old, this.new, this.width, cutoff);
    this.inputs = new Growable(Float32Array);
    this.made = 0;
    this.first = 0; // the sample that `inputs` begins with
    this.received = 0;
  }

  push(samples) {
    if (this.same) return samples;
    this.received += samples.length;
    this.inputs.push(samples);
    // Output n needs inputs to floor(n * old / new) + width.
    const ready = Math.floor(((this.received - this.width - 1) * this.new) / this.old);
    return this.#upTo(Math.max(this.made, ready));
  }

  flush() {
    if (this.same) return new Float32Array(0);
    const length = Math.ceil((this.received * this.new) / this.old);
    this.inputs.push(new Float32Array(2 * this.width + this.old));
    return this.#upTo(length);
  }

  #upTo(end) {
    const output = new Float32Array(Math.max(0, end - this.made));
    for (let i = 0; i < output.length; i++) output[i] = this.#sample(this.made + i);
    this.made += output.length;
    this.#forget();
    return output;
  }

  #sample(n) {
    const taps = this.taps[n % this.new];
    const from = Math.floor((n * this.old) / this.new) - this.width - this.first;
    let sum = 0;
    for (let i = Math.max(0, -from); i < taps.length; i++) sum += taps[i] * this.inputs.array[from + i];
    return sum;
  }

  /** What no output needs any more. */
  #forget() {
    const needed = Math.max(0, Math.floor((this.made * this.old) / this.new) - this.width);
    if (needed - this.first < 1 << 16) return;
    const rest = this.inputs.view(needed - this.first).slice();
    this.inputs = new Growable(Float32Array);
    this.inputs.push(rest);
    this.first = needed;
  }
}

/** A whole recording. */
export function resample(samples, from, to) {
  const stream = new Resampler(from, to), whole = new Growable(Float32Array);
  whole.push(stream.push(samples));
  whole.push(stream.flush());
  return whole.view();
}

/** For each phase of an output its 2 width + 1 taps, rounded where the model rounds them. */
function filters(old, now, width, cutoff) {
  return Array.from({ length: now }, (_, phase) => {
    const begin = Math.floor((phase * old) / now) - width;
    return Float32Array.from({ length: 2 * width + 1 }, (_, i) => {
      const time = Math.fround(Math.fround(-phase) / Math.fround(now)) + (begin + i) / old;
      const t = Math.max(-ZERO_CROSSINGS, Math.min(ZERO_CROSSINGS, time * cutoff));
      const hann = Math.cos((t * Math.PI) / ZERO_CROSSINGS / 2) ** 2;
      const angle = t * Math.PI;
      return (angle === 0 ? 1 : Math.sin(angle) / angle) * (hann * (cutoff / old));
    });
  });
}

function divisor(a, b) {
  return b ? divisor(b, a % b) : a;
}

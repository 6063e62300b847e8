// The AudioContext, at the model's rate where the browser can, and its clock.

import { Problem } from "../server.js";

let current = null;

/** A running AudioContext at `rate` if possible, with both worklets. Call it from a click. */
export async function audioContext(rate) {
  if (!("AudioWorkletNode" in globalThis)) {
    throw new Problem(
      isSecureContext
        ? "This browser has no AudioWorklet, which the page plays with. A current Firefox, Chrome or Safari has."
        : "Browsers only record and play live on https or on localhost. Open this page in one of those ways.",
    );
  }
  if (current && current.wanted !== rate) {
    await current.context.close();
    current = null;
  }
  current ??= await open(rate);
  await current.context.resume();
  return current.context;
}

/** After a browser refused to connect a microphone to another rate than its own. */
export async function audioContextOfDevice(rate) {
  await current?.context.close();
  current = await open(undefined);
  current.wanted = rate;
  return current.context;
}

async function open(rate) {
  const context = new AudioContext({ latencyHint: "interactive", ...(rate && { sampleRate: rate }) });
  for (const name of ["capture", "playback"]) {
    await context.audioWorklet.addModule(new URL(`${name}.worklet.js`, import.meta.url));
  }
  return { context, wanted: rate };
}

/** Milliseconds from the context to the air, as far as the browser knows. */
export function outputLatency(context) {
  return 1000 * (context.baseLatency + (context.outputLatency || 0));
}

/**
 * Milliseconds of performance.now() for frames of the context.
 *
 * Messages from a worklet come a little late, never early: the earliest of the last seconds tell
 * how the two clocks lie to each other.
 */
export class Clock {
  constructor(rate, memory = 400) {
    this.rate = rate;
    this.memory = memory;
    this.offsets = [];
  }

  /** A message that was sent at `frame` arrived `now`. */
  observe(frame, now) {
    this.offsets.push(now - (1000 * frame) / this.rate);
    if (this.offsets.length > this.memory) this.offsets.shift();
  }

  time(frame) {
    return (1000 * frame) / this.rate + Math.min(...this.offsets);
  }
}

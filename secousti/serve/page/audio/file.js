// A recording as samples at its own rate, and its portions in time.

import { Problem } from "../server.js";
import { wavRate } from "./wav.js";

const LOWEST = 8000, HIGHEST = 48000; // what the server takes
const FAST_PORTION = 0.25; // seconds
const MOST_WAITING = 1 << 17; // bytes in the socket

/** {samples, rate}: mono, Float32Array. `blob`: anything the browser can decode. */
export async function decodeFile(blob, otherwise) {
  const bytes = await blob.arrayBuffer();
  const rate = Math.max(LOWEST, Math.min(HIGHEST, soundRate(bytes) ?? otherwise));
  let audio;
  try {
    audio = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
  } catch {
    throw new Problem(`This browser cannot read ${blob.name ? `“${blob.name}”` : "that file"} as sound.`);
  }
  if (audio.length === 0) throw new Problem("That file holds no sound.");
  return { samples: mono(audio), rate };
}

/** Hz of a WAV or FLAC file; without it the browser would resample to the context's rate. */
function soundRate(bytes) {
  const view = new DataView(bytes);
  const magic = bytes.byteLength > 44 ? view.getUint32(0) : 0;
  if (magic === 0x664c6143) return view.getUint32(18) >>> 12; // "fLaC": 20 bits of STREAMINFO
  return magic === 0x52494646 ? wavRate(view) : null; // "RIFF"
}

function mono(audio) {
  const sum = audio.getChannelData(0).slice();
  for (let c = 1; c < audio.numberOfChannels; c++) {
    audio.getChannelData(c).forEach((sample, i) => (sum[i] += sample));
  }
  return audio.numberOfChannels === 1 ? sum : sum.map((sample) => sample / audio.numberOfChannels);
}

/** Gives `samples` out as they were spoken, in portions; each when its last sample is due. */
export function playSlowly({ samples, rate, portion, receive, ended }) {
  const began = performance.now();
  let at = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * rate);
    while (at < samples.length && Math.min(at + portion, samples.length) <= due) {
      receive(samples.subarray(at, at + portion));
      at += portion;
    }
    if (at >= samples.length) stop();
  }, 4);
  const stop = () => {
    clearInterval(timer);
    ended();
  };
  return { began, stop };
}

/** Gives `samples` out as fast as the socket takes them. */
export function playQuickly({ samples, rate, waiting, receive, ended }) {
  const portion = Math.round(FAST_PORTION * rate);
  let at = 0;
  const timer = setInterval(() => {
    while (at < samples.length && waiting() < MOST_WAITING) {
      receive(samples.subarray(at, at + portion));
      at += portion;
    }
    if (at >= samples.length) stop();
  }, 20);
  const stop = () => {
    clearInterval(timer);
    ended();
  };
  return { stop };
}

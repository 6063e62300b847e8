// The codec: its graphs and what export.json says of them. A step is one token.

import { Graph, tensor } from "./graph.js";
import { resample } from "./resample.js";

const STEPS = 127; // a voice's numbers are integers / 127

export class Codec {
  static async open(about, folder) {
    const graphs = {};
    for (const name of Object.keys(about.graphs)) graphs[name] = await Graph.open(`${folder}${name}.onnx`);
    return new Codec(about, graphs);
  }

  constructor(about, graphs) {
    Object.assign(this, { about, graphs });
    this.silentSteps = about.mel_silence === undefined ? 0 : Math.ceil(about.delay / about.frame_size);
  }

  /** A new stream of audio to tokens. */
  encoder() {
    const { encoder } = this.graphs;
    let state = encoder.start();
    return async (samples) => {
      const [codes, next] = await encoder.run({ audio: tensor("float32", [1, samples.length], samples) }, state);
      state = next;
      return Number(codes.data[0]);
    };
  }

  /** A new stream of tokens to audio, late by `about.delay`; without a token it brings out the rest. */
  decoder() {
    const { decoder, vocoder } = this.graphs;
    let state = decoder.start(), sound = vocoder?.start();
    return async (token, voice) => {
      let output = token === null ? this.#silence() : null;
      if (token !== null) {
        [output, state] = await decoder.run({ codes: codesTensor(token), ...this.#speaker(voice) }, state);
      }
      if (vocoder) [output, sound] = await vocoder.run({ mel: output }, sound);
      return Float32Array.from(output.data);
    };
  }

  /** Who speaks in samples at the codec's rate, int8 [V]: as `encode` takes it from the whole recording. */
  async voiceOf(samples) {
    const { frame_size: size, hop_length: hop, voice_frames: most } = this.about;
    const frames = Math.ceil(samples.length / size) * (size / hop);
    const middle = Math.floor(frames / 2), half = Math.floor(most / 2);
    return this.voiceIn(samples, Math.max(0, middle - half), Math.min(frames, middle + half));
  }

  /** Who speaks in the frames `first` to `last`, int8 [V]; zeros are before and after the samples. */
  async voiceIn(samples, first, last) {
    const { hop_length: hop, overlap, voice_frames: most } = this.about;
    const input = new Float32Array(most * hop + overlap);
    const from = first * hop - overlap;
    const part = samples.subarray(Math.max(0, from), Math.min(samples.length, last * hop));
    input.set(part, Math.max(0, -from));
    const frames = tensor("int64", [1], BigInt64Array.of(BigInt(last - first)));
    const [voice] = await this.graphs.voice.run({ audio: tensor("float32", [1, input.length], input), frames }, {});
    return Int8Array.from(voice.data, (value) => evenly(Math.max(-1, Math.min(1, value)) * STEPS));
  }

  atOwnRate(samples, rate) {
    return resample(samples, rate, this.about.sample_rate);
  }

  #speaker(voice) {
    const { voice_size: size } = this.about;
    if (!size) return {};
    const numbers = voice ? Float32Array.from(voice, (value) => value / STEPS) : new Float32Array(size);
    return { paralinguistic: tensor("float32", [1, size], numbers) };
  }

  #silence() {
    const shape = this.graphs.vocoder.shapes.mel;
    const silence = tensor("float32", shape);
    silence.data.fill(this.about.mel_silence);
    return silence;
  }
}

function codesTensor(token) {
  return tensor("int64", [1, 1, 1], BigInt64Array.of(BigInt(token)));
}

/** Rounded as numpy and torch round: halves to the even number. */
function evenly(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}

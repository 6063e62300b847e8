// The codec: its graphs and what export.json says of them. A step is one token, or `together` tokens
// of sound that is there already; both go on with the same state.

import { Graph, load, tensor } from "./graph.js";
import { resample } from "./resample.js";

const STEPS = 127; // a voice's numbers are integers / 127
const WEIGHTS = "weights.bin";

export class Codec {
  static async open(about, folder) {
    const weights = { path: WEIGHTS, data: await load(folder + WEIGHTS) };
    const names = Object.keys(about.graphs);
    const codec = new Codec(about, await openAll(names, folder, "", weights));
    codec.openMore = () => openAll(names.filter((name) => name !== "voice"), folder, `.${about.together}`, weights);
    return codec;
  }

  constructor(about, graphs) {
    Object.assign(this, { about, graphs });
    this.byTokens = new Map([[1, graphs]]);
    this.most = 1; // tokens of a step
    this.silentSteps = about.mel_silence === undefined ? 0 : Math.ceil(about.delay / about.frame_size);
  }

  /** Several tokens at once become possible. */
  async hurry() {
    this.byTokens.set(this.about.together, await this.openMore());
    this.most = this.about.together;
  }

  /** Tokens of the next step where `count` are to be had: the most that are possible, one or none. */
  portion(count) {
    return count >= this.most ? this.most : Math.min(count, 1);
  }

  /** A new stream of audio to tokens: samples of a portion of tokens in, these out. */
  encoder() {
    let state = this.graphs.encoder.start();
    return async (samples) => {
      const { encoder } = this.byTokens.get(samples.length / this.about.frame_size);
      const [codes, next] = await encoder.run({ audio: tensor("float32", [1, samples.length], samples) }, state);
      state = next;
      return Int32Array.from(codes.data, Number);
    };
  }

  /** A new stream of portions of tokens to audio, late by `about.delay`; null brings out the rest. */
  decoder() {
    let state = this.graphs.decoder.start(), sound = this.graphs.vocoder?.start();
    return async (tokens, voice) => {
      const { decoder, vocoder } = this.byTokens.get(tokens?.length ?? 1);
      let output = tokens ? null : this.#silence();
      if (tokens) {
        [output, state] = await decoder.run({ codes: codesTensor(tokens), ...this.#speaker(voice) }, state);
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

async function openAll(names, folder, suffix, weights) {
  const graphs = {};
  for (const name of names) graphs[name] = await Graph.open(`${folder}${name}${suffix}.onnx`, weights);
  return graphs;
}

function codesTensor(tokens) {
  return tensor("int64", [1, 1, tokens.length], BigInt64Array.from(tokens, BigInt));
}

/** Rounded as numpy and torch round: halves to the even number. */
function evenly(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}

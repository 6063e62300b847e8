// A session in the worker: sound or tokens in, tokens, sound and a file out.

import { Growable } from "./data/growable.js";
import { Resampler } from "./resample.js";
import { bitsOf, writeTokens } from "./sct.js";

const VOICE_TIMES = [0, 0.25, 1, 3.5]; // seconds: soon, and again as it gets known
const RECENT_SECONDS = 10, STATS_SECONDS = 0.5;

/** `tell(values)` sends to the page: packet, stats, done, or {size} of what was worked on. */
export class Session {
  constructor(codec, start, tell) {
    const { about } = codec;
    Object.assign(this, { codec, about, tell, over: false, ended: false });
    this.kind = start.kind;
    this.live = start.live;
    this.given = start.voice == null ? null : Int8Array.from(atob(start.voice), (letter) => letter.charCodeAt(0));
    this.voice = this.given;
    this.sourceRate = start.input?.rate ?? null;
    this.outputRate = start.output.rate;
    this.input = this.sourceRate && new Resampler(this.sourceRate, about.sample_rate);
    this.output = new Resampler(about.sample_rate, this.outputRate);
    this.encode = codec.encoder();
    this.decode = codec.decoder();
    this.received = new Growable(Float32Array); // at the codec's rate
    this.tokens = new Growable(Int32Array);
    this.sound = new Growable(Float32Array);
    Object.assign(this, { sourceSamples: 0, voices: 0, voiceDue: 0, late: about.delay });
    Object.assign(this, { spoken: 0, limit: Infinity }); // samples of sound at the codec's rate
    Object.assign(this, { steps: [], told: 0, sent: 0 });
  }

  async receive({ message, samples, tokens, size }) {
    if (message?.type === "set" && message.voice !== undefined) this.#speakAs(message.voice);
    if (message?.type === "end") return this.#end();
    if (samples) await this.#listen(samples);
    if (tokens?.length) await this.#read(tokens);
    if (size) this.tell({ size });
  }

  #speakAs(voice) {
    this.given = voice == null ? null : Int8Array.from(atob(voice), (letter) => letter.charCodeAt(0));
    this.voice = this.given ?? this.voice;
  }

  async #listen(samples) {
    this.sourceSamples += samples.length;
    this.received.push(this.input.push(samples));
    await this.#encodeWhole(!this.live);
  }

  /** Whole tokens; where nobody waits several at once, for the last ones come with the end. */
  async #encodeWhole(several) {
    const { frame_size: size } = this.about;
    for (;;) {
      const from = this.tokens.length * size;
      const count = this.codec.portion(Math.floor((this.received.length - from) / size));
      if (count === 0 || (several && count < this.codec.most)) return;
      await this.#speech(this.received.array.slice(from, from + count * size));
    }
  }

  /** Tokens of sound, at once to be spoken. */
  async #speech(samples) {
    const began = performance.now();
    const tokens = await this.encode(samples);
    await this.#takeVoice();
    await this.#speakTokens(tokens);
    this.steps.push(performance.now() - began);
    this.#send([...tokens]);
  }

  async #read(tokens) {
    for (let at = 0, count; at < tokens.length; at += count) {
      count = this.codec.portion(tokens.length - at);
      await this.#speakTokens(tokens.slice(at, at + count));
    }
    this.#send(tokens);
  }

  async #takeVoice() {
    const { about } = this;
    const seconds = this.received.length / about.sample_rate;
    if (!about.voice_size || this.given || seconds < this.voiceDue) return;
    const frames = Math.floor(this.received.length / about.hop_length);
    this.voice = await this.codec.voiceIn(this.received.view(), Math.max(0, frames - about.voice_frames), frames);
    this.voices += 1;
    this.voiceDue = VOICE_TIMES.find((time) => time > seconds) ?? Infinity;
  }

  async #speakTokens(tokens) {
    this.tokens.push(tokens);
    this.#speak(await this.decode(tokens, this.voice));
  }

  /** Sound at the codec's rate: without what is late at the start, no more than went in. */
  #speak(samples) {
    const skipped = Math.min(this.late, samples.length);
    this.late -= skipped;
    const part = samples.subarray(skipped, skipped + this.limit - this.spoken);
    this.spoken += part.length;
    this.#sound(this.output.push(part));
  }

  #sound(samples) {
    if (!samples.length) return;
    this.tell({ packet: { kind: 1, position: this.sound.length, samples } });
    this.sound.push(samples);
  }

  #send(tokens) {
    this.tell({ packet: { kind: 2, position: this.sent, tokens, lost: tokens.map(() => false) } });
    this.sent += tokens.length;
    this.#stats();
  }

  async #end() {
    if (this.kind === "decode") this.limit = this.tokens.length * this.about.frame_size;
    else await this.#endOfSpeech();
    for (let i = 0; i < this.codec.silentSteps && this.tokens.length; i++) this.#speak(await this.decode(null));
    this.#sound(this.output.flush());
    this.#stats(true);
    this.over = true;
    this.tell({ done: { ...(await this.#file()), sound: this.sound.view().slice(), rate: this.outputRate } });
  }

  /** The last token is completed with silence; what comes out is as long as what went in. */
  async #endOfSpeech() {
    const { about, received } = this;
    received.push(this.input.flush());
    this.samples = this.limit = received.length;
    if (!received.length) return;
    const extra = about.mel_silence === undefined ? about.hop_length : 0; // what overlaps at the start
    const frames = Math.ceil((received.length + extra) / about.frame_size);
    received.push(new Float32Array(frames * about.frame_size - received.length));
    await this.#encodeWhole(false);
  }

  async #file() {
    const speech = this.kind !== "decode" && this.samples > 0;
    let voice = this.given;
    if (speech && !voice && this.about.voice_size) voice = await this.codec.voiceOf(this.received.view(0, this.samples));
    const frames = this.tokens.length;
    const sct = writeTokens(this.about, {
      tokens: this.tokens.view(),
      voice,
      samples: speech ? this.samples : frames * this.about.frame_size,
      sourceRate: speech ? this.sourceRate : null,
      sourceSamples: this.sourceSamples,
    });
    return { sct, bits: sct && bitsOf(sct, frames, voice, this.about) };
  }

  #stats(last = false) {
    const { page } = this.about;
    const seconds = this.tokens.length / page.frame_rate;
    if (!last && seconds - this.told < STATS_SECONDS) return;
    this.told = seconds;
    const recent = Math.min(seconds, RECENT_SECONDS);
    const steps = this.steps.slice(-Math.ceil(RECENT_SECONDS * page.frame_rate)).sort((a, b) => a - b);
    this.tell({
      stats: {
        seconds,
        tokens: this.tokens.length,
        token_bit_rate: recent ? page.bit_rate : null,
        side_bits: this.voices * page.voice_bits,
        server_ms: steps[steps.length >> 1] ?? null,
      },
    });
  }
}

// What one session took in and gave back.

import { Codebook } from "./codebook.js";
import { Growable } from "./growable.js";
import { Spectrum } from "./spectrum.js";

/** One side: samples and their picture. */
export class Side {
  constructor(rate) {
    this.rate = rate;
    this.samples = new Growable(Float32Array);
    this.spectrum = new Spectrum(rate);
  }

  push(samples) {
    this.samples.push(samples);
    this.spectrum.push(samples);
  }

  get seconds() {
    return this.samples.length / this.rate;
  }
}

export class Take {
  constructor(model, inputRate, outputRate) {
    this.model = model;
    this.before = new Side(inputRate);
    this.after = new Side(outputRate);
    this.tokens = new Growable(Int32Array);
    this.lost = new Growable(Uint8Array);
    this.codebook = new Codebook();
    this.latency = null; // see Latency; none if the sound was not sent in real time
    this.underruns = 0;
    this.stats = null; // the server's last
    this.files = null; // {sct, wav} as Blobs, and {tokens, voice, container}: the bits of the first
  }

  addTokens(tokens, lost) {
    this.tokens.push(tokens);
    this.lost.push(lost);
    this.codebook.add(tokens);
  }

  /** The same tokens, to be spoken anew. */
  withoutSound(rate) {
    const again = new Take(this.model, this.before.rate, rate);
    again.before = this.before;
    again.tokens = this.tokens;
    again.codebook = this.codebook;
    again.stats = this.stats;
    again.lost = new Growable(Uint8Array); // all of them are sent again
    again.lost.push(new Uint8Array(this.tokens.length));
    return again;
  }
}

// What stands between packets that come as they like and a loudspeaker that never waits.

const FADE_SECONDS = 0.004;

/**
 * Plays `wait` seconds behind the first packet. When it runs dry it counts, fades out, and waits
 * again: the delay grows by what the network needed. When more than `slack` seconds beyond `wait`
 * were never needed for `calm` seconds, it skips what is too much.
 */
export class JitterBuffer {
  constructor(rate, { wait = 0.04, slack = 0.06, calm = 3, catchUp = true } = {}) {
    this.rate = rate;
    this.wait = Math.round(wait * rate);
    this.slack = Math.round(slack * rate);
    this.calm = Math.round(calm * rate);
    this.fade = Math.round(FADE_SECONDS * rate);
    this.catchUp = catchUp;
    this.chunks = [];
    this.offset = 0; // samples of chunks[0] that were played
    this.buffered = 0;
    this.underruns = 0;
    this.ended = false;
    this.playing = false;
    this.countdown = -1; // samples until playing begins; -1: nothing came yet
    this.ramp = 0; // samples since playing began, for the fade in
    this.last = 0;
    this.#watch();
  }

  /** Samples that belong at `position` of the stream. */
  push(samples, position) {
    if (!samples.length) return;
    this.chunks.push({ samples, position });
    this.buffered += samples.length;
    if (!this.playing && this.countdown < 0) this.countdown = this.wait;
  }

  /** Nothing will follow: running dry is no underrun any more. */
  end() {
    this.ended = true;
    if (!this.playing && this.buffered) this.countdown = 0;
  }

  get finished() {
    return this.ended && this.buffered === 0;
  }

  /** Fill `out`; `started(position, index)` for every chunk whose first sample is at out[index]. */
  pull(out, started = () => {}) {
    let i = 0;
    if (!this.playing && this.countdown >= 0) {
      i = Math.min(this.countdown, out.length);
      this.countdown -= i;
      if (this.countdown === 0) this.#begin();
    }
    if (this.playing) {
      this.#catchUp(out.length);
      i = this.#play(out, i, started);
    }
    this.#fadeOut(out, i);
  }

  #begin() {
    this.playing = true;
    this.countdown = -1;
    this.ramp = 0;
    this.#watch();
  }

  #play(out, from, started) {
    let i = from;
    while (i < out.length && this.chunks.length) {
      const { samples, position } = this.chunks[0];
      if (this.offset === 0) started(position, i);
      const count = Math.min(out.length - i, samples.length - this.offset);
      out.set(samples.subarray(this.offset, this.offset + count), i);
      this.#advance(count);
      for (const stop = i + count; i < stop; i++, this.ramp++) {
        if (this.ramp < this.fade) out[i] *= this.ramp / this.fade;
      }
      this.last = out[i - 1];
    }
    if (i < out.length) {
      this.playing = false;
      if (!this.ended) this.underruns++;
    }
    return i;
  }

  #advance(count) {
    this.buffered -= count;
    this.offset += count;
    while (this.chunks.length && this.offset >= this.chunks[0].samples.length) {
      this.offset -= this.chunks.shift().samples.length;
    }
  }

  /** From the last sample down to silence, so that an underrun does not click. */
  #fadeOut(out, from) {
    for (let i = from; i < out.length; i++) {
      this.last *= 1 - 1 / this.fade;
      out[i] = this.last;
    }
  }

  #watch() {
    this.least = Infinity;
    this.watched = 0;
  }

  /** Skip what was too much for a while; a fade in hides the seam. */
  #catchUp(count) {
    this.least = Math.min(this.least, this.buffered);
    this.watched += count;
    if (this.watched < this.calm) return;
    const tooMuch = this.least - this.wait;
    if (this.catchUp && !this.ended && tooMuch > this.slack) {
      this.#advance(tooMuch);
      this.ramp = 0;
    }
    this.#watch();
  }
}

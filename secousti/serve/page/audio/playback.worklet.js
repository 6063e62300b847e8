// Plays what the page sends; tells when each packet began to sound.

import { JitterBuffer } from "./jitter.js";

const REPORT_SECONDS = 0.1;

class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.options = processorOptions;
    this.buffer = new JitterBuffer(sampleRate, processorOptions);
    this.nextReport = 0;
    this.done = false;
    this.port.onmessage = ({ data }) => {
      if (data.type === "samples") this.buffer.push(data.samples, data.position);
      if (data.type === "end") this.buffer.end();
      if (data.type === "stop") this.done = true;
    };
  }

  process(_, [[out, ...others]]) {
    if (this.done) return false;
    this.buffer.pull(out, (position, index) =>
      this.port.postMessage({ type: "playing", position, frame: currentFrame + index }),
    );
    for (const other of others) other.set(out);
    if (currentTime >= this.nextReport || this.buffer.finished) this.#report();
    if (this.buffer.finished) {
      this.done = true;
      this.port.postMessage({ type: "finished" });
    }
    return !this.done;
  }

  #report() {
    this.nextReport = currentTime + REPORT_SECONDS;
    const { buffered, underruns } = this.buffer;
    this.port.postMessage({ type: "state", buffered: buffered / sampleRate, underruns });
  }
}

registerProcessor("playback", Playback);

// Gathers the microphone's samples into portions of equal size.

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.portion = new Float32Array(processorOptions.portion);
    this.filled = 0;
    this.running = true;
    this.port.onmessage = () => {
      this.#send(); // the rest
      this.running = false;
      this.port.postMessage({ type: "end" });
    };
  }

  process([channels]) {
    if (!this.running) return false;
    for (let i = 0; i < (channels[0]?.length ?? 0); i++) {
      this.portion[this.filled++] = mean(channels, i);
      if (this.filled === this.portion.length) this.#send(currentFrame + i + 1);
    }
    return true;
  }

  /** `frame`: the context's count after the last sample. */
  #send(frame = currentFrame) {
    if (!this.filled) return;
    this.port.postMessage({ type: "samples", samples: this.portion.slice(0, this.filled), frame });
    this.filled = 0;
  }
}

function mean(channels, i) {
  let sum = 0;
  for (const channel of channels) sum += channel[i];
  return sum / channels.length;
}

registerProcessor("capture", Capture);

// Where the time goes between a mouth and an ear.

import { PLACES } from "../server.js";

const REMEMBERED = 200; // packets, about ten seconds

export const PARTS = [
  ["algorithmic", "the codec waits for"],
  ["capture", "recording"],
  ["network", PLACES.network],
  ["server", PLACES.server],
  ["jitter", "jitter buffer"],
  ["device", "sound card, as it says"],
];

/**
 * Follows packets of sound from capture to the loudspeaker, in ms of performance.now().
 *
 * For the first sample of every packet that comes back: `algorithmic` until the codec has received
 * what it needs, `capture` until that left the page, `network` there and back, `server` waiting and
 * computing (its median, as the server tells it), `jitter` until it is played, and what the `device`
 * takes as far as the browser knows. They add up.
 */
export class Latency {
  constructor({ inputRate, outputRate, algorithmic, device, captured }) {
    Object.assign(this, { inputRate, outputRate, algorithmic, device, captured });
    this.sent = []; // {end: samples sent with this packet and before, time}
    this.received = new Map(); // position -> {time, sent, needed}
    this.measured = [];
    this.server = null;
  }

  /** A packet left that ends before input sample `end`. */
  sentUntil(end, time) {
    this.sent.push({ end, time });
    if (this.sent.length > REMEMBERED) this.sent.shift();
  }

  receivedAt(position, time) {
    const needed = (position / this.outputRate + this.algorithmic / 1000) * this.inputRate;
    const packet = this.sent.find(({ end }) => end >= needed - 1);
    if (packet) this.received.set(position, { time, needed, sent: packet.time });
  }

  playedAt(position, time) {
    const packet = this.received.get(position);
    if (!packet || this.server === null) return;
    this.received.delete(position);
    this.measured.push({
      capture: packet.sent - this.captured(packet.needed),
      away: packet.time - packet.sent,
      jitter: time - packet.time,
    });
    if (this.measured.length > REMEMBERED) this.measured.shift();
  }

  /** Median ms of every part and in all, or null. */
  summary() {
    if (!this.measured.length) return null;
    const middle = (name) => median(this.measured.map((m) => m[name]));
    const server = Math.min(this.server, middle("away"));
    const parts = {
      algorithmic: this.algorithmic,
      capture: Math.max(0, middle("capture")),
      network: middle("away") - server,
      server,
      jitter: middle("jitter"),
      device: this.device,
    };
    return { ...parts, total: Object.values(parts).reduce((a, b) => a + b) };
  }
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

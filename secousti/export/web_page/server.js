// What the page asks for, answered by this browser: a worker with the codec's graphs. It takes the
// place of the demo's server.js and exports the same.

import { wavFile } from "./audio/wav.js";
import { parsePacket } from "./wire.js";

/** A problem that is told to the person as it is. */
export class Problem extends Error {}

/** What takes the time that the demo spends on its way and in its server. */
export const PLACES = { network: "browser", server: "codec" };

const worker = new Worker(new URL("./codec.worker.js", import.meta.url), { type: "module" });
const waiting = new Map(); // answers by number
const sessions = new Map();
const results = new Map();
const KEPT = 8; // results
let number = 0;

worker.onmessage = ({ data }) => {
  if (data.session !== undefined) return sessions.get(data.session)?.receive(data);
  const { resolve, reject } = waiting.get(data.answer);
  waiting.delete(data.answer);
  if (data.problem) reject(new Problem(data.problem));
  else resolve(data.value);
};
worker.onerror = (event) => {
  const problem = new Problem(`The codec could not be started here: ${event.message ?? "no worker"}.`);
  for (const { reject } of waiting.values()) reject(problem);
  waiting.clear();
};

function ask(what, values = {}) {
  number += 1;
  const answer = number;
  return new Promise((resolve, reject) => {
    waiting.set(answer, { resolve, reject });
    worker.postMessage({ ask: what, answer, ...values });
  });
}

export function getModels() {
  return ask("models");
}

/** The voice in a WAV file that the page wrote: {voice: base64, seconds}. */
export async function postVoice(wav) {
  const bytes = await wav.arrayBuffer();
  return ask("voice", { samples: floats(new Int16Array(bytes, 44)), rate: new DataView(bytes).getUint32(24, true) });
}

export async function getResult(key) {
  return results.get(key);
}

/** What a .sct file holds, {tokens, voice: base64 or null}; null for any other file. */
export async function openTokens(file) {
  return ask("open", { bytes: new Uint8Array(await file.arrayBuffer()), name: file.name });
}

/** One session: the handlers are those of the demo's Connection; `live` whether someone waits for every sample. */
export class Connection {
  constructor(start, handlers, live) {
    Object.assign(this, { start, handlers, over: false, waiting: 0 });
    number += 1;
    this.session = number;
    this.ready = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.ready.catch(() => {}); // told by `failed` too
    sessions.set(this.session, this);
    this.#post({ message: { ...start, live } });
  }

  /** A packet (Uint8Array) or a message (object). */
  send(what) {
    if (this.over) return;
    if (!(what instanceof Uint8Array)) return this.#post({ message: what });
    const packet = parsePacket(what.buffer, this.model, this.start.input?.format);
    this.waiting += what.length;
    this.#post({ samples: packet.samples, tokens: packet.tokens, size: what.length });
  }

  close() {
    if (!this.over) this.#post({ message: { type: "leave" } });
    this.#leave();
  }

  receive(data) {
    if (this.over) return;
    if (data.size) this.waiting -= data.size;
    else if (data.packet) this.handlers.packet(data.packet, performance.now());
    else if (data.stats) this.handlers.stats(data.stats);
    else if (data.ready) {
      this.model = data.ready;
      this.resolve(data);
    } else if (data.done) this.#done(data.done);
    else if (data.problem) this.#fail(new Problem(data.problem));
  }

  #post(what) {
    worker.postMessage({ session: this.session, ...what });
  }

  #done({ sct, bits, sound, rate }) {
    this.#leave();
    const keys = { sct: `${this.session}.sct`, wav: `${this.session}.wav` };
    results.set(keys.sct, new Blob([sct], { type: "application/octet-stream" }));
    results.set(keys.wav, wavFile(sound, rate));
    for (const key of [...results.keys()].slice(0, -2 * KEPT)) results.delete(key);
    this.handlers.done({ type: "done", result: { ...keys, bits } });
  }

  #fail(problem) {
    this.#leave();
    this.reject(problem);
    this.handlers.failed(problem);
  }

  #leave() {
    this.over = true;
    sessions.delete(this.session);
  }
}

function floats(ints) {
  return Float32Array.from(ints, (value) => value / 32767);
}

// One session with the server: what is sent, what comes back, and what it sounds like.

import { Clock, outputLatency } from "./audio/context.js";
import { livePlayer } from "./audio/player.js";
import { Latency } from "./data/latency.js";
import { Connection, getResult } from "./server.js";
import { AUDIO, TOKENS, audioPacket, tokensPacket } from "./wire.js";

const MOST_TOKENS = 1000; // in a packet

/**
 * Fills `take`. `on.done(message)` when everything arrived, `on.failed(problem)` if not, and then
 * `on.silent()` when all of it was heard.
 *
 * @param start fields of the `start` message besides the model and the formats.
 * @param context the AudioContext; the sound comes back at its rate.
 * @param live whether someone waits for every sample (else it may be played later).
 */
export class Session {
  constructor({ take, start, inputFormat, context, live, on }) {
    Object.assign(this, { take, context, on, inputFormat });
    this.clock = new Clock(context.sampleRate);
    this.sent = 0;
    this.player = livePlayer(context, {
      live,
      playing: (position, frame) => this.#playing(position, frame),
      state: ({ underruns }) => (take.underruns = underruns),
      finished: () => on.silent(),
    });
    const decode = start.kind === "decode";
    this.connection = new Connection(
      {
        type: "start",
        model: take.model.name,
        ...(!decode && { input: { format: inputFormat, rate: take.before.rate } }),
        output: { format: "f32le", rate: take.after.rate },
        result: true,
        ...start,
      },
      {
        packet: (packet, now) => this.#receive(packet, now),
        stats: (stats) => this.#stats(stats),
        done: (message) => this.#done(message),
        failed: (problem) => this.#failed(problem),
      },
      live,
    );
    this.ready = this.connection.ready;
  }

  /**
   * Measure the way of the sound; `captured(sample)` is the ms at which that sample was spoken, and
   * `inputLatency` ms what the microphone took before.
   */
  measure(captured, inputLatency = 0) {
    const { before, after, model } = this.take;
    this.take.latency = new Latency({
      inputRate: before.rate,
      outputRate: after.rate,
      algorithmic: model.algorithmic_latency_ms,
      device: inputLatency + outputLatency(this.context),
      captured,
    });
  }

  send(samples) {
    this.connection.send(audioPacket(samples, this.sent, this.inputFormat));
    this.sent += samples.length;
    this.take.latency?.sentUntil(this.sent, performance.now());
    this.take.before.push(samples);
  }

  sendTokens(tokens) {
    for (let at = 0; at < tokens.length; at += MOST_TOKENS) {
      const part = Array.from(tokens.subarray(at, at + MOST_TOKENS));
      this.connection.send(tokensPacket(part, at, this.take.model));
    }
  }

  set(changes) {
    this.connection.send({ type: "set", ...changes });
  }

  end() {
    this.connection.send({ type: "end" });
  }

  /** Leave at once, also if something is still owed or still sounds. */
  abort() {
    this.connection.close();
    this.player.close();
  }

  #receive(packet, now) {
    if (packet.kind === TOKENS) this.take.addTokens(packet.tokens, packet.lost);
    if (packet.kind !== AUDIO) return;
    this.take.latency?.receivedAt(packet.position, now);
    this.take.after.push(packet.samples);
    this.player.push(packet.samples, packet.position);
  }

  #playing(position, frame) {
    this.clock.observe(frame, performance.now());
    this.take.latency?.playedAt(position, this.clock.time(frame));
  }

  #stats(stats) {
    this.take.stats = stats;
    if (this.take.latency) this.take.latency.server = stats.server_ms;
  }

  async #done(message) {
    this.player.end();
    const { result } = message;
    if (result?.sct) {
      const [sct, wav] = await Promise.all([getResult(result.sct), getResult(result.wav)]).catch(() => []);
      this.take.files = sct && { sct, wav, bits: result.bits };
    }
    this.on.done(message);
  }

  #failed(problem) {
    this.player.end();
    this.on.failed(problem);
  }
}

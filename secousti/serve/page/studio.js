// What happens when someone speaks, sends a file, or gives tokens another voice.

import { audioContext, Clock } from "./audio/context.js";
import { playQuickly, playSlowly } from "./audio/file.js";
import { openMicrophone } from "./audio/microphone.js";
import { Take } from "./data/take.js";
import { Problem } from "./server.js";
import { Session } from "./session.js";

const PORTION = 512; // samples: half a token of the bundled models, so that a token waits for none

/**
 * At most one session at a time. `on.state(state)` tells what it is doing: `idle`, `opening`,
 * `listening`, `sending`, `finishing` or `playing`; `on.take(take)` that a new one began;
 * `on.done(take)`; `on.problem(problem)`.
 *
 * Settings: {voice: base64 or null, loss: 0 to 1, pace: "real" or "fast", cancelEcho}.
 */
export class Studio {
  constructor(on) {
    this.on = on;
    this.state = "idle";
    this.take = null;
  }

  get busy() {
    return this.state !== "idle";
  }

  /**
   * Begin something: `begin` prepares, and then calls one of `speak`, `play` and `revoice`. It is
   * called at once, because a browser wants sound to begin in the very call of a click.
   */
  async run(begin) {
    if (this.busy) return;
    this.#become("opening");
    this.source = this.session = null;
    try {
      await begin();
    } catch (error) {
      const { source, session } = this;
      this.source = this.session = null;
      source?.stop();
      session?.abort();
      this.#become("idle");
      this.on.problem(error instanceof Problem ? error : new Problem(`Something went wrong: ${error.message}`));
    }
  }

  /** The microphone, until `stop`. */
  async speak(model, settings) {
    let begun = false, first = null, captures = null;
    this.source = await openMicrophone({
      rate: model.sample_rate,
      portion: PORTION,
      cancelEcho: settings.cancelEcho,
      receive: (samples, frame) => {
        captures?.observe(frame, performance.now());
        if (!begun) return;
        first ??= frame - samples.length;
        this.session.send(samples);
      },
      ended: () => this.#ended(),
    });
    const { context, latency } = this.source;
    captures = new Clock(context.sampleRate);
    const take = new Take(model, context.sampleRate, context.sampleRate);
    await this.#open({ take, context, live: true, inputFormat: "s16le" }, settings);
    this.session.measure((sample) => captures.time(first + sample), latency);
    begun = true;
    this.#become("listening");
  }

  /** A recording {samples, rate}. */
  async play(model, recording, settings) {
    const context = await audioContext(model.sample_rate);
    const take = new Take(model, recording.rate, context.sampleRate);
    const live = settings.pace === "real";
    await this.#open({ take, context, live, inputFormat: "f32le" }, settings);
    const { session } = this;
    const options = {
      ...recording,
      portion: Math.round((PORTION * recording.rate) / model.sample_rate),
      receive: (samples) => session.send(samples),
      waiting: () => session.connection.waiting,
      ended: () => this.#ended(),
    };
    this.#become("sending");
    if (live) {
      const source = playSlowly(options);
      session.measure((sample) => source.began + (1000 * sample) / recording.rate);
      this.source = source;
    } else {
      this.source = playQuickly(options);
    }
  }

  /** The tokens of the last session, in another voice. */
  async revoice(settings) {
    const old = this.take;
    const context = await audioContext(old.model.sample_rate);
    const take = old.withoutSound(context.sampleRate);
    await this.#open({ take, context, live: false }, { ...settings, kind: "decode" });
    this.session.sendTokens(take.tokens.view());
    this.#ended();
  }

  /** Tokens of a file, {tokens, voice: base64 or null}. */
  async speakTokens(model, { tokens, voice }) {
    this.take = new Take(model, model.sample_rate, model.sample_rate);
    this.take.addTokens(tokens, new Uint8Array(tokens.length));
    await this.revoice({ voice });
  }

  /** Of a running session: loss or voice from the next token on. */
  set(changes) {
    if (this.state === "listening" || this.state === "sending") this.session.set(changes);
  }

  /** The end of what is said; when only sound is left, silence. */
  stop() {
    if (this.state === "listening" || this.state === "sending") this.source.stop();
    else if (this.state === "playing" || this.state === "finishing") {
      this.session.abort();
      this.#become("idle");
    }
  }

  async #open(parts, { voice, loss, kind = "roundtrip" }) {
    const start = { kind, voice, ...(kind === "roundtrip" && { loss }) };
    const session = new Session({
      ...parts,
      start,
      on: {
        done: () => this.#done(session),
        failed: (problem) => this.#failed(session, problem),
        silent: () => this.#silent(session),
      },
    });
    this.session = session;
    await session.ready;
    this.take = parts.take;
    this.on.take(parts.take);
  }

  /** The source is at its end. */
  #ended() {
    if (!this.session || this.state === "finishing" || this.state === "playing") return;
    this.#become("finishing");
    this.session.end();
  }

  #done(session) {
    if (session !== this.session) return;
    this.on.done(session.take);
    session.complete = true;
    this.#become(session.quiet ? "idle" : "playing");
  }

  #silent(session) {
    session.quiet = true;
    if (session === this.session && session.complete) this.#become("idle");
  }

  #failed(session, problem) {
    if (session !== this.session || this.state === "opening") return; // then `run` tells
    session.complete = true;
    const { source } = this;
    this.#become("playing");
    source?.stop();
    this.on.done(session.take);
    this.on.problem(problem);
    if (session.quiet) this.#become("idle");
  }

  #become(state) {
    this.state = state;
    this.on.state(state);
  }
}

// The other voice: recorded, chosen or the example, and what the server makes of it.

import { decodeFile } from "../audio/file.js";
import { openMicrophone } from "../audio/microphone.js";
import { wavFile } from "../audio/wav.js";
import { Growable } from "../data/growable.js";
import { Problem, postVoice } from "../server.js";

const SHORTEST = 1, LONGEST = 10; // seconds that are recorded
const FILE_RATE = 22050; // of files that do not say theirs
const $ = (id) => document.getElementById(id);

export class Reference {
  /** `changed()` when there is another voice or none; `model()` is the one chosen now. */
  constructor({ model, changed, problem, example }) {
    Object.assign(this, { model, changed, problem });
    this.recording = null;
    this.voices = new Map(); // of each model
    for (const radio of document.getElementsByName("voice")) radio.addEventListener("change", () => this.#chosen());
    $("record").addEventListener("click", () => this.#try(() => this.#record()));
    $("choose-voice").addEventListener("click", () => $("voice-file").click());
    $("example-voice").addEventListener("click", () => this.#try(async () => this.use(await example(), "the example")));
    $("voice-file").addEventListener("change", ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file) this.#try(() => this.useFile(file));
    });
  }

  get wanted() {
    return document.querySelector("input[name=voice]:checked").value === "other";
  }

  /** Base64 for the `voice` field, or null for the speaker's own. */
  async voice() {
    return this.wanted ? this.otherVoice() : null;
  }

  /** The reference as `model` knows it. */
  async otherVoice({ name } = this.model()) {
    if (!this.recording) {
      this.#choose();
      throw new Problem("There is no other voice yet: record one, or choose a recording.");
    }
    if (!this.voices.has(name)) this.voices.set(name, (await postVoice(this.recording.wav, name)).voice);
    return this.voices.get(name);
  }

  async useFile(file) {
    await this.use(await decodeFile(file, FILE_RATE), file.name);
  }

  async use({ samples, rate }, name) {
    const part = samples.subarray(0, LONGEST * rate);
    if (part.length < SHORTEST * rate) throw new Problem("That is too short to know a voice by: one second is the least.");
    this.recording = { wav: wavFile(part, rate), name };
    this.voices.clear();
    this.#choose();
    this.#tell(`Listening to ${name} …`);
    try {
      await this.otherVoice();
    } catch (error) {
      this.recording = null;
      this.#tell("No voice yet: record one, or choose a recording.");
      throw error;
    }
    this.#tell(`${name}, ${(part.length / rate).toFixed(1)} s`);
    this.changed();
  }

  #choose() {
    $("settings").open = true;
    document.querySelector("input[value=other]").checked = true;
    $("reference").hidden = false;
  }

  #tell(text) {
    $("reference-name").textContent = text;
  }

  #chosen() {
    $("reference").hidden = !this.wanted;
    this.changed();
  }

  async #record() {
    if (this.microphone) {
      this.microphone.stop();
      return;
    }
    const samples = new Growable(Float32Array);
    let rate = FILE_RATE;
    const ended = new Promise((resolve, reject) => {
      openMicrophone({
        rate: this.model().sample_rate,
        portion: 2048,
        cancelEcho: false,
        receive: (part) => {
          samples.push(part);
          const seconds = samples.length / rate;
          this.#tell(`Recording: ${seconds.toFixed(0)} of ${LONGEST} seconds`);
          if (seconds >= LONGEST) this.microphone?.stop();
        },
        ended: resolve,
      }).then((microphone) => {
        this.microphone = microphone;
        rate = microphone.context.sampleRate;
        $("record").textContent = "Stop";
        $("record").setAttribute("aria-pressed", "true");
      }, reject);
    });
    try {
      await ended;
    } finally {
      this.microphone = null;
      $("record").textContent = "Record";
      $("record").setAttribute("aria-pressed", "false");
    }
    await this.use({ samples: samples.view(), rate }, "the voice you recorded");
  }

  async #try(action) {
    try {
      await action();
    } catch (error) {
      this.problem(error);
    }
  }
}

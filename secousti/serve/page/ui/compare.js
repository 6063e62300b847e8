// Both sides to listen to again, and the files of a session.

import { audioContext } from "../audio/context.js";
import { playRecording } from "../audio/player.js";

const $ = (id) => document.getElementById(id);
const SIDES = ["before", "after"];

export class Compare {
  constructor({ playing, problem }) {
    this.began = playing;
    this.playing = null; // {side, position, stop}
    this.take = null;
    for (const side of SIDES) {
      $(`play-${side}`).addEventListener("click", () => this.#toggle(side).catch(problem));
    }
    $("save-sct").addEventListener("click", () => save(this.take.files.sct, "speech.sct"));
    $("save-wav").addEventListener("click", () => save(this.take.files.wav, "speech.wav"));
  }

  /** {side, seconds} of what is being played. */
  get playhead() {
    return this.playing && { side: this.playing.side, seconds: this.playing.position() };
  }

  /** Offer what there is of `take`; nothing while a session runs. */
  offer(take, running) {
    this.take = take;
    if (running) this.stop();
    const over = take && !running;
    for (const side of SIDES) $(`play-${side}`).disabled = !(over && take[side].seconds > 0);
    $("save-sct").disabled = $("save-wav").disabled = !(over && take.files);
    $("revoice").disabled = !(over && take.tokens.length);
    $("keep-note").textContent = note(take, over);
  }

  stop() {
    this.playing?.stop();
  }

  async #toggle(side) {
    const was = this.playing?.side;
    this.stop();
    if (was === side) return;
    const context = await audioContext(this.take.model.sample_rate);
    const { samples, rate } = this.take[side];
    const playing = playRecording(context, samples.view(), rate, () => {
      $(`play-${side}`).setAttribute("aria-pressed", "false");
      if (this.playing === playing) this.playing = null;
    });
    this.playing = Object.assign(playing, { side });
    $(`play-${side}`).setAttribute("aria-pressed", "true");
    this.began();
  }
}

function note(take, over) {
  if (!over) return "After a session you can compare both sides and keep what travelled.";
  if (!take.files) return "This session has no files to keep: it broke off, or it was longer than the server keeps.";
  const { sct } = take.files;
  return `speech.sct is ${sct.size.toLocaleString("en")} bytes for ${take.after.seconds.toFixed(1)} s; “secousti decode speech.sct -o speech.wav” speaks it.`;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

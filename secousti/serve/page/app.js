// The page: what its controls do.

import { audioContext } from "./audio/context.js";
import { decodeFile } from "./audio/file.js";
import { getModels, openTokens } from "./server.js";
import { Studio } from "./studio.js";
import { Compare } from "./ui/compare.js";
import { acceptFiles } from "./ui/drop.js";
import { showFigures, showModel } from "./ui/figures.js";
import { Pictures, showLegend } from "./ui/pictures.js";
import { Reference } from "./ui/reference.js";
import "./ui/settings.js";
import { complain, forgive, say } from "./ui/status.js";

const $ = (id) => document.getElementById(id);
const FRAME_MS = 40, FIGURES_MS = 250; // between drawings, between numbers
const PATIENCE = 3; // times as long as a drawing took, to the next
const LATE_MS = 1000;

const WORDS = {
  opening: "Opening a session …",
  listening: "Listening. Speak, and hear yourself come back.",
  sending: "Sending the recording …",
  finishing: "Finishing …",
  playing: "Everything has arrived; the rest is being played.",
};

let models = [], model = null, shown = null, late = false;
const pictures = new Pictures();
const compare = new Compare({ playing: () => animate(), problem: complain });
const reference = new Reference({ model: () => model, changed: voiceChanged, problem: complain, example });
const studio = new Studio({
  state: stateChanged,
  take: (take) => (pictures.take = shown = take),
  done: () => {},
  problem: complain,
});

async function example() {
  const response = await fetch("example.flac");
  return decodeFile(await response.blob(), model.sample_rate);
}

async function settings() {
  return {
    voice: await reference.voice(),
    loss: $("loss").value / 100,
    pace: $("pace").value,
    cancelEcho: !$("headphones").checked,
  };
}

/** Start something; the sound first, since a browser allows it only in the call of a click. */
function attempt(action) {
  if (studio.busy) return;
  forgive();
  compare.stop();
  studio.run(async () => {
    await audioContext(model.sample_rate);
    await action();
  });
}

const sendFile = (file) =>
  attempt(async () => {
    const found = await openTokens(file);
    if (found) await studio.speakTokens(model, found);
    else await studio.play(model, await decodeFile(file, model.sample_rate), await settings());
  });

async function voiceChanged() {
  if (!studio.busy) return;
  if (reference.wanted && !reference.recording) return;
  try {
    studio.set({ voice: await reference.voice() });
  } catch (error) {
    complain(error);
  }
}

function stateChanged(state) {
  const busy = state !== "idle";
  const button = $("speak");
  button.setAttribute("aria-pressed", String(busy));
  button.classList.toggle("listening", state === "listening");
  button.querySelector(".text").textContent = busy ? "Stop" : "Speak";
  button.disabled = state === "opening";
  for (const id of ["example", "choose", "model", "record", "pace", "headphones"]) $(id).disabled = busy;
  pictures.running = busy && state !== "playing";
  late = false;
  say(busy ? WORDS[state] : summary(shown));
  compare.offer(shown, busy);
  if (busy) animate();
  refresh();
}

function summary(take) {
  if (!take?.tokens.length) return "Ready. Nothing is recorded before you press Speak.";
  const bits = Math.round(take.tokens.length * take.model.bits_per_token);
  return `Done: ${take.after.seconds.toFixed(1)} s in ${take.tokens.length} tokens, ${bits.toLocaleString("en")} bits.`;
}

/** Who speaks is told once when the sound comes back so late that nobody can talk with it. */
function warnOfDelay() {
  const total = shown.latency?.summary()?.total ?? 0;
  if (late || total < LATE_MS || !(studio.state === "listening" || studio.state === "sending")) return;
  late = true;
  say("The sound comes back late: the machine that computes it is busy with something else.");
}

let counted = 0, animating = false;

/** Draw while something moves. */
function animate() {
  if (animating) return;
  animating = true;
  requestAnimationFrame(frame);
}

function frame(now) {
  pictures.playhead = compare.playhead;
  pictures.draw();
  if (shown && now - counted >= FIGURES_MS) {
    counted = now;
    showFigures(shown);
    warnOfDelay();
  }
  animating = studio.busy || Boolean(compare.playing);
  if (!animating) return refresh();
  // A busy machine has better things to do than to draw.
  const pause = Math.max(FRAME_MS, PATIENCE * (performance.now() - now));
  setTimeout(() => requestAnimationFrame(frame), pause);
}

function refresh() {
  pictures.playhead = compare.playhead;
  pictures.draw();
  if (shown) showFigures(shown);
}

function chooseModel(name) {
  model = models.find((candidate) => candidate.name === name);
  showModel(model);
  showLegend(model);
  if (reference.wanted && reference.recording) reference.voice().catch(complain);
}

async function begin() {
  try {
    const answer = await getModels();
    models = answer.models;
    $("model").replaceChildren(...models.map(({ name }) => new Option(name, name)));
    $("model").value = answer.default;
    chooseModel(answer.default);
    $("host").textContent = location.host;
    stateChanged("idle");
    $("speak").disabled = false;
  } catch (error) {
    say("Not connected.");
    complain(error);
  }
}

$("speak").addEventListener("click", () => {
  if (studio.busy) studio.stop();
  else attempt(async () => studio.speak(model, await settings()));
});
$("example").addEventListener("click", () =>
  attempt(async () => studio.play(model, await example(), await settings())),
);
$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) sendFile(file);
});
$("revoice").addEventListener("click", () =>
  attempt(async () => studio.revoice({ voice: await reference.otherVoice(shown.model) })),
);
$("model").addEventListener("change", ({ target }) => chooseModel(target.value));
$("loss").addEventListener("input", ({ target }) => {
  $("loss-value").textContent = Number(target.value) ? `${target.value} %` : "none";
  studio.set({ loss: target.value / 100 });
});
addEventListener("themechange", () => model && showLegend(model));
acceptFiles((file, use) => (use === "voice" ? reference.useFile(file).catch(complain) : sendFile(file)));
begin();

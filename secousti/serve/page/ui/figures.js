// The numbers of a session.

import { PARTS } from "../data/latency.js";

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const SAMPLE_BITS = 16;
const PARTS_OF_FILE = ["tokens", "voice", "container"];

export function showFigures(take) {
  showBits(take);
  showFile(take);
  showCodebook(take);
  showLatency(take);
}

/** What is known of a model before anyone spoke. */
export function showModel(model) {
  $("headline-rate").textContent = whole.format(model.bit_rate);
  $("headline-tokens").textContent = tenth.format(model.frame_rate);
  $("codebook").textContent = whole.format(model.codebook_size);
  $("ratio").textContent = `1 : ${whole.format(pcmRate(model) / model.bit_rate)}`;
  $("after-note").textContent = `what comes back through ${whole.format(model.bit_rate)} bit/s`;
}

function showBits({ model, stats, tokens, lost }) {
  const count = tokens.length;
  big("bits", count ? whole.format(stats?.token_bit_rate ?? model.bit_rate) : null);
  $("token-count").textContent = whole.format(count);
  const gone = lost.view().reduce((sum, flag) => sum + flag, 0);
  $("lost").textContent = gone ? `${whole.format(gone)} (${whole.format((100 * gone) / count)} %)` : "0";
  $("side-bits").textContent = stats?.side_bits ? sideBits(stats, model) : "–";
}

/** Where the bits of the file went, each by itself and all together. */
function showFile({ files, stats, model }) {
  const bits = files?.bits, seconds = stats?.seconds;
  const rate = (count) => (bits && seconds ? `${whole.format(count / seconds)} bit/s` : "–");
  for (const part of PARTS_OF_FILE) $(`file-${part}`).textContent = rate(bits?.[part]);
  const all = bits && PARTS_OF_FILE.reduce((sum, part) => sum + bits[part], 0);
  $("file-all").textContent = rate(all);
  const sent = bits && seconds ? all / seconds : model.bit_rate;
  $("ratio").textContent = `1 : ${whole.format(pcmRate(model) / sent)}`;
}

function sideBits({ side_bits: bits, seconds }, model) {
  const times = Math.round(bits / model.voice_bits);
  const rate = seconds ? `, ${whole.format(bits / seconds)} bit/s` : "";
  return `${times} × ${whole.format(model.voice_bits)} bits${rate}`;
}

function pcmRate(model) {
  return SAMPLE_BITS * model.sample_rate;
}

function showCodebook({ codebook }) {
  const used = codebook.total > 0;
  big("distinct", used ? whole.format(codebook.distinct) : null);
  $("distinct-note").textContent = used ? `different tokens of ${whole.format(codebook.total)}` : "different tokens used";
  $("perplexity").textContent = used ? whole.format(codebook.perplexity) : "–";
  $("entropy").textContent = used ? `${tenth.format(codebook.entropy)} bits so far` : "–";
}

function showLatency(take) {
  $("underruns").textContent = whole.format(take.underruns);
  const measured = take.latency?.summary();
  big("latency", measured && `${whole.format(measured.total)} ms`);
  for (const { name, text, bar } of rows()) {
    text.textContent = measured ? `${tenth.format(measured[name])} ms` : "–";
    bar.style.flexGrow = measured?.[name] ?? 0;
  }
  $("latency-note").textContent = latencyNote(take, measured);
  $("latency-bar").setAttribute(
    "aria-label",
    measured ? `${whole.format(measured.total)} milliseconds in ${PARTS.length} parts, listed below` : "Not measured",
  );
}

function latencyNote({ latency }, measured) {
  if (measured) return "measured, from mouth to ear";
  return latency ? "being measured" : "nobody waits: it goes faster than it was spoken";
}

function big(id, text) {
  $(id).textContent = text ?? "–";
  $(id).classList.toggle("none", text == null);
}

let made = null;

/** One line of the list and one piece of the bar for each part. */
function rows() {
  made ??= PARTS.map(([name, label]) => {
    const bar = document.createElement("span");
    const row = document.createElement("div"), dt = document.createElement("dt"), text = document.createElement("dd");
    const dot = document.createElement("i");
    dot.style.background = bar.style.background = `var(--part-${name})`;
    bar.style.flexGrow = 0;
    text.id = `latency-${name}`;
    text.textContent = "–";
    dt.append(dot, label);
    row.append(dt, text);
    $("latency-bar").append(bar);
    $("latency-parts").append(row);
    return { name, text, bar };
  });
  return made;
}
rows();

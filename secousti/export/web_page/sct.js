// .sct files of version 2 (docs/sct-format.md): packed tokens are written and read, whole or a stream.

import { parsePacket, tokensPacket } from "./wire.js";

const MAGIC = [0x89, 0x53, 0x43, 0x54];
const WHOLE = 0x80, STREAM = 2, VOICE = 1 << 4, MORE = 1 << 5, FORM = 6;
const PACKET_HEAD = 8, MOST_FRAMES = 65536, CODED_VOICE = 24, STEPS = 127;
const OWN = 1, OTHER = 15, RATES = [null, null, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000];
const END = 1, A_VOICE = 2, PLACE = 3, RUN = 4, FIRST_SKIPPED = 8, SHORT = 16;

export function isTokens(bytes) {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** A whole file as a Uint8Array; null for more frames than a run may have. */
export function writeTokens(about, { tokens, voice, samples, sourceRate, sourceSamples }) {
  if (tokens.length > MOST_FRAMES) return null;
  const needed = Math.ceil(samples / about.frame_size), more = tokens.length - needed;
  const code = rateCode(sourceRate, about.sample_rate);
  const head = [WHOLE | about.profile, code | (voice ? VOICE : 0) | (more ? MORE : 0)];
  const facts = about.profile ? [] : factsOf(about, voice ? about.voice_size : 0);
  const numbers = [
    ...(code === OTHER ? [sourceRate] : []),
    sourceRate === null ? samples : sourceSamples,
    ...(more ? [more] : []),
    0, // bytes fewer than packed
  ];
  const body = Uint8Array.from([
    ...MAGIC,
    ...head,
    ...fromHex(about.token_hash).slice(0, 4),
    ...(voice ? fromHex(about.voice_hash).slice(0, 2) : []),
    ...[...facts, ...numbers].flatMap(varint),
    ...(voice ? new Uint8Array(voice.buffer, voice.byteOffset, voice.length) : []),
    ...packed(tokens, about.page),
  ]);
  const file = new Uint8Array(body.length + 4);
  file.set(body);
  new DataView(file.buffer).setUint32(body.length, crc32(body), true);
  return file;
}

/** Bits of a file of so many tokens that ``writeTokens`` made: {tokens, voice, container}. */
export function bitsOf(file, count, voice, about) {
  const tokens = 8 * packedSize(count, about.page), side = 8 * (voice?.length ?? 0);
  return { tokens, voice: side, container: 8 * file.length - tokens - side };
}

/** {tokens: Int32Array, voice: Int8Array or null, samples}; raises one sentence for what it cannot read. */
export function readTokens(bytes, about, name = "the file") {
  try {
    const cursor = new Cursor(bytes);
    cursor.take(4);
    const version = cursor.byte();
    if (version & WHOLE) return readWhole(cursor, version & ~WHOLE, about);
    if (version === STREAM) return readStream(cursor, cursor.byte(), about);
    throw new Error("it is of another version of the format");
  } catch (error) {
    throw new Error(`“${name}” cannot be read: ${error.message}.`);
  }
}

function readWhole(cursor, kind, about) {
  const header = readHeader(cursor, kind, about, 4, 2);
  const told = cursor.varint();
  const samples = header.sourceRate ? Math.ceil((told * about.sample_rate) / header.sourceRate) : told;
  const frames = Math.ceil(samples / about.frame_size) + (header.flags & MORE ? cursor.varint() : 0);
  if (cursor.varint() !== 0) throw new Error("it is damaged: packed tokens cannot be fewer bytes");
  if (frames > MOST_FRAMES) throw new Error(`it claims ${frames} frames, more than a run has`);
  const voice = header.voiceSize ? header.readVoice(cursor.take(header.form ? CODED_VOICE : header.voiceSize)) : null;
  const tokens = unpacked(cursor.take(packedSize(frames, about.page)), frames, about.page);
  const crc = crc32(cursor.read());
  if (crc !== cursor.uint32()) throw new Error("it is damaged (its checksum is wrong)");
  return { tokens, voice, samples };
}

function readStream(cursor, kind, about) {
  const header = readHeader(cursor, kind, about, 8, 8);
  cursor.varint(); // samples, if they were known
  const short = cursor.varint();
  cursor.take(cursor.varint()); // what a user added
  if (crc32(cursor.read()) !== cursor.uint32()) throw new Error("its header is damaged");
  let chain = crc16(cursor.bytes.subarray(cursor.at - 4, cursor.at)), voice = null, samples = null;
  const tokens = [];
  while (samples === null) {
    const start = cursor.at, record = cursor.byte();
    if (record === END) {
      samples = tokens.length * about.frame_size - cursor.varint();
      break;
    }
    if (record === A_VOICE) voice = header.readVoice(cursor.take(cursor.varint()));
    else if (record === PLACE) {
      cursor.varint();
      cursor.take(4);
    } else if (record === RUN || record >= SHORT) {
      const frames = record === RUN ? cursor.varint() : short;
      const fewer = record === RUN ? cursor.varint() : record - SHORT;
      if (frames > MOST_FRAMES || fewer) throw new Error("a run of it is damaged or coded");
      tokens.push(...unpacked(cursor.take(packedSize(frames, about.page)), frames, about.page));
    } else if (record >= FIRST_SKIPPED) cursor.take(cursor.varint());
    else throw new Error("it needs a newer secousti");
    const body = cursor.bytes.subarray(start + (record === PLACE), cursor.at);
    chain = crc16(body, record === PLACE ? crc16(Uint8Array.of(PLACE, 0, 0, 0)) : chain);
    if (chain !== cursor.uint16()) throw new Error("a record of it is damaged or missing");
  }
  return { tokens: Int32Array.from(tokens), voice, samples };
}

/** What both forms begin with: {flags, form, sourceRate, voiceSize, readVoice}. */
function readHeader(cursor, kind, about, tokenBytes, voiceBytes) {
  if (kind >> 5) {
    throw new Error("its tokens are entropy coded; write them with “secousti encode --entropy packed”");
  }
  const flags = cursor.byte(), profile = kind & 31;
  const same = (hash, ours) => hash === ours.slice(0, hash.length);
  if (!same(toHex(cursor.take(tokenBytes)), about.token_hash)) {
    throw new Error(`it holds tokens of another model than ${about.page.name}`);
  }
  const known = flags & VOICE ? same(toHex(cursor.take(voiceBytes)), about.voice_hash) : false;
  let voiceSize = flags & VOICE ? about.voice_size : 0;
  if (profile !== about.profile) throw new Error("it says other facts of its codec than this model has");
  if (!profile) {
    const facts = factsOf(about, voiceSize);
    if (facts.some((fact) => fact !== cursor.varint())) throw new Error("it says other facts of its codec");
  }
  const code = flags & 15, form = flags >> FORM;
  const sourceRate = code === OTHER ? cursor.varint() : code === OWN ? about.sample_rate : (RATES[code] ?? null);
  const readVoice = (bytes) => {
    if (!known) return null; // another voice code: an average voice
    return form ? decodedVoice(bytes, about.voice_code) : new Int8Array(bytes.slice().buffer);
  };
  return { flags, form, sourceRate, voiceSize, readVoice };
}

/** A voice of the codec's own code, int8 [V]. */
function decodedVoice(bytes, code) {
  const bits = code?.bits[bytes.length];
  if (!bits) throw new Error("this site has no code for its voice");
  let value = bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  const amounts = new Float64Array(bits.length);
  for (let i = bits.length - 1; i >= 0; i--) {
    const steps = 1n << BigInt(bits[i]);
    amounts[i] = ((2 * Number(value % steps) + 1) / Number(steps) - 1) * code.reach[i];
    value /= steps;
  }
  return Int8Array.from(code.mean, (mean, column) => {
    const sum = amounts.reduce((total, amount, row) => total + amount * code.basis[row][column], mean);
    return Math.round(Math.max(-1, Math.min(1, sum)) * STEPS);
  });
}

function packed(tokens, model) {
  const parts = [], most = 1000 * model.group_tokens;
  for (let at = 0; at < tokens.length; at += most) {
    parts.push(...tokensPacket([...tokens.subarray(at, at + most)], 0, model).subarray(PACKET_HEAD));
  }
  return parts;
}

function unpacked(bytes, count, model) {
  const tokens = new Int32Array(count), most = 1000 * model.group_tokens;
  for (let at = 0; at < count; at += most) {
    const part = Math.min(most, count - at), from = (at / model.group_tokens) * model.group_bytes;
    const packet = tokensPacket([], 0, model), body = bytes.subarray(from, from + packedSize(part, model));
    const whole = new Uint8Array(PACKET_HEAD + body.length);
    whole.set(packet);
    whole.set(body, PACKET_HEAD);
    new DataView(whole.buffer).setUint16(2, part, true);
    tokens.set(parsePacket(whole.buffer, model).tokens, at);
  }
  return tokens;
}

function packedSize(count, model) {
  const rest = count % model.group_tokens;
  const last = rest ? Math.ceil((BigInt(model.codebook_size) ** BigInt(rest) - 1n).toString(2).length / 8) : 0;
  return Math.floor(count / model.group_tokens) * model.group_bytes + last;
}

function factsOf({ sample_rate: rate, frame_size: size, codebook_size: entries, page }, voiceSize) {
  return [rate, size, entries, 1, page.levels.length, ...page.levels, voiceSize];
}

function rateCode(rate, own) {
  if (rate === null) return 0;
  if (rate === own) return OWN;
  const known = RATES.indexOf(rate);
  return known > 0 ? known : OTHER;
}

class Cursor {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    if (this.at + count > this.bytes.length) throw new Error("it is cut short");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  byte() {
    return this.take(1)[0];
  }

  uint16() {
    const [low, high] = this.take(2);
    return low | (high << 8);
  }

  uint32() {
    const [a, b, c, d] = this.take(4);
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
  }

  varint() {
    let value = 0;
    for (let place = 1, byte = 128; byte & 128; place *= 128) {
      byte = this.byte();
      value += (byte & 127) * place;
      if (value > Number.MAX_SAFE_INTEGER) throw new Error("a number in it is malformed");
    }
    return value;
  }

  /** All bytes so far. */
  read() {
    return this.bytes.subarray(0, this.at);
  }
}

function varint(value) {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function crc16(bytes, crc = 0xffff) {
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

function fromHex(text) {
  return text.match(/../g).map((pair) => parseInt(pair, 16));
}

function toHex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

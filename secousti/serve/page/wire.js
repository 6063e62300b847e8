// The binary packets of docs/serving.md: numbers are little-endian, 8 bytes go first.

export const AUDIO = 1, TOKENS = 2, VOICE = 3;
const HEAD = 8;
const LOST = 1; // flag of TOKENS

export function audioPacket(samples, position, format) {
  const body = format === "s16le" ? toInt16(samples) : samples;
  const packet = head(AUDIO, 0, position, body.byteLength);
  packet.set(new Uint8Array(body.buffer, body.byteOffset, body.byteLength), HEAD);
  return packet;
}

export function voicePacket(voice, position) {
  const packet = head(VOICE, 0, position, voice.length);
  packet.set(voice, HEAD);
  return packet;
}

export function tokensPacket(tokens, position, model) {
  const groups = [];
  for (let i = 0; i < tokens.length; i += model.group_tokens) {
    groups.push(packGroup(tokens.slice(i, i + model.group_tokens), model));
  }
  const body = groups.flat();
  const packet = head(TOKENS, tokens.length, position, body.length);
  packet.set(body, HEAD);
  return packet;
}

/** {kind, position} and samples (Float32Array), tokens and lost (arrays), or voice (Uint8Array). */
export function parsePacket(buffer, model, format) {
  const view = new DataView(buffer);
  const kind = view.getUint8(0);
  const packet = { kind, position: view.getUint32(4, true) };
  if (kind === AUDIO) packet.samples = toFloat(buffer, format);
  if (kind === VOICE) packet.voice = new Uint8Array(buffer.slice(HEAD));
  if (kind === TOKENS) parseTokens(packet, view, model);
  return packet;
}

function head(kind, count, position, size) {
  const packet = new Uint8Array(HEAD + size);
  const view = new DataView(packet.buffer);
  view.setUint8(0, kind);
  view.setUint16(2, count, true);
  view.setUint32(4, position, true);
  return packet;
}

function parseTokens(packet, view, model) {
  const count = view.getUint16(2, true);
  const bytes = new Uint8Array(view.buffer);
  let at = HEAD;
  packet.tokens = [];
  while (packet.tokens.length < count) {
    const group = Math.min(model.group_tokens, count - packet.tokens.length);
    const size = groupBytes(group, model);
    packet.tokens.push(...unpackGroup(bytes.subarray(at, at + size), group, model));
    at += size;
  }
  const flagged = view.getUint8(1) & LOST;
  packet.lost = packet.tokens.map((_, i) => Boolean(flagged && (bytes[at + (i >> 3)] >> (i & 7)) & 1));
}

function groupBytes(count, model) {
  if (count === model.group_tokens) return model.group_bytes;
  const largest = BigInt(model.codebook_size) ** BigInt(count) - 1n;
  return Math.ceil(largest.toString(2).length / 8);
}

function unpackGroup(bytes, count, model) {
  let number = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) number = (number << 8n) | BigInt(bytes[i]);
  const base = BigInt(model.codebook_size);
  const tokens = [];
  for (let i = 0; i < count; i++, number /= base) tokens.push(Number(number % base));
  return tokens;
}

function packGroup(tokens, model) {
  const base = BigInt(model.codebook_size);
  let number = 0n;
  for (let i = tokens.length - 1; i >= 0; i--) number = number * base + BigInt(tokens[i]);
  const bytes = [];
  for (let i = groupBytes(tokens.length, model); i > 0; i--, number >>= 8n) bytes.push(Number(number & 255n));
  return bytes;
}

function toInt16(samples) {
  const ints = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) ints[i] = Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767);
  return ints;
}

function toFloat(buffer, format) {
  if (format === "f32le") return new Float32Array(buffer, HEAD);
  const ints = new Int16Array(buffer, HEAD);
  const samples = new Float32Array(ints.length);
  for (let i = 0; i < ints.length; i++) samples[i] = ints[i] / 32767;
  return samples;
}

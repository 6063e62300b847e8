// What the page asks of its server: models, voices, results, and one socket per session.

import { parsePacket } from "./wire.js";

/** A problem that is told to the person as it is. */
export class Problem extends Error {}

/** What the parts of the way through the codec are called. */
export const PLACES = { network: "network and browser", server: "server step" };

const GONE = "The server does not answer. Is it still running? Start it again, then reload this page.";
const LOST_CONNECTION = "The connection to the server was lost. What arrived until then is kept; try again.";

export async function getModels() {
  return (await ask("v1/models")).json();
}

/** The voice in a WAV file: {voice: base64, seconds}. */
export async function postVoice(wav, model) {
  const query = new URLSearchParams({ model });
  return (await ask(`v1/voices?${query}`, { method: "POST", body: wav })).json();
}

export async function getResult(path) {
  return (await ask(path.replace(/^\//, ""))).blob();
}

/** Tokens in a file; this page's server speaks only sound (the page of an export reads .sct). */
export async function openTokens() {
  return null;
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem(GONE);
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  throw new Problem(sentence(answer?.error?.message) ?? `The server answered ${response.status}.`);
}

/**
 * One session. Events of the handlers: `packet` (parsed), `stats`, `done`, `failed` (a Problem);
 * the last two come once, and one of them always does.
 */
export class Connection {
  constructor(start, handlers) {
    this.handlers = handlers;
    this.start = start;
    this.over = false;
    this.ready = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.ready.catch(() => {}); // told by `failed` too
    const address = new URL("v1/stream", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.send(start);
    this.socket.onmessage = ({ data }) => this.#receive(data);
    this.socket.onclose = () => this.#fail(new Problem(this.model ? LOST_CONNECTION : GONE));
  }

  /** A packet (Uint8Array) or a message (object). */
  send(what) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(what instanceof Uint8Array ? what : JSON.stringify(what));
  }

  /** Bytes that wait to leave. */
  get waiting() {
    return this.socket.bufferedAmount;
  }

  /** Hang up without waiting for anything. */
  close() {
    this.over = true;
    this.socket.close();
  }

  #receive(data) {
    if (this.over) return;
    if (typeof data !== "string") {
      this.handlers.packet(parsePacket(data, this.model, this.start.output.format), performance.now());
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "ready") {
      this.model = message.model;
      this.resolve(message);
    } else if (message.type === "stats") {
      this.handlers.stats(message);
    } else if (message.type === "done") {
      this.over = true;
      this.handlers.done(message);
    } else if (message.type === "error") {
      this.#fail(new Problem(explain(message)));
    }
  }

  #fail(problem) {
    if (this.over) return;
    this.over = true;
    this.reject(problem);
    this.handlers.failed(problem);
    this.socket.close();
  }
}

function explain({ code, message }) {
  const said = sentence(message);
  if (code === "overloaded") return `The server is busy with other people. Try again in a moment. (${said})`;
  if (code === "closing") return "The server is being stopped. What arrived until then is kept.";
  if (code === "idle") return "The server received nothing for a while and ended the session.";
  if (code === "too_long") return `That was as long as one session may be. ${said}`;
  return said;
}

function sentence(text) {
  if (!text) return null;
  const capital = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

// The worker: the models of this site, and one session after the other.

import { Codec } from "./codec.js";
import { Session } from "./live.js";
import { isTokens, readTokens } from "./sct.js";

const sessions = new Map();
let codec = null;
let queue = Promise.resolve(); // onnxruntime works on one thing at a time

const answers = {
  async models() {
    const about = await (await fetch("model/export.json")).json();
    if (!codec) {
      codec = await Codec.open(about, "model/");
      queue = queue.then(() => codec.hurry()).catch(() => {}); // without it tokens go one by one
    }
    return { models: [about.page], default: about.page.name };
  },
  async voice({ samples, rate }) {
    return { voice: base64(await codec.voiceOf(codec.atOwnRate(samples, rate))), seconds: samples.length / rate };
  },
  async open({ bytes, name }) {
    if (!isTokens(bytes)) return null;
    const { tokens, voice } = readTokens(bytes, codec.about, name);
    return { tokens, voice: voice && base64(voice) };
  },
};

onmessage = ({ data }) => {
  queue = queue.then(() => (data.ask ? answer(data) : serve(data)));
};

async function answer({ ask, answer: number, ...values }) {
  try {
    postMessage({ answer: number, value: await answers[ask](values) });
  } catch (error) {
    postMessage({ answer: number, problem: error.message });
  }
}

async function serve({ session: number, ...what }) {
  try {
    if (what.message?.type === "start") {
      const tell = (values) => postMessage({ session: number, ...values });
      sessions.set(number, new Session(codec, what.message, tell));
      tell({ ready: codec.about.page });
      return;
    }
    const session = sessions.get(number);
    if (what.message?.type === "leave" || !session) return sessions.delete(number);
    await session.receive(what);
    if (session.over) sessions.delete(number);
  } catch (error) {
    sessions.delete(number);
    postMessage({ session: number, problem: error.message });
  }
}

function base64(voice) {
  return btoa(String.fromCharCode(...new Uint8Array(voice.buffer)));
}

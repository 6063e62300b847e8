// The microphone as portions of samples.

import { Problem } from "../server.js";
import { audioContext, audioContextOfDevice } from "./context.js";

const TROUBLE = {
  NotAllowedError: "The microphone is blocked for this page. Allow it in the address bar, or choose a file instead.",
  NotFoundError: "There is no microphone. Plug one in, or choose a file instead.",
  NotReadableError: "The microphone cannot be opened; perhaps another program holds it.",
};

/** Open it: {context, node, stop}. `receive(samples, frame)` gets portions of `portion` samples. */
export async function openMicrophone({ rate, portion, cancelEcho, receive, ended }) {
  const stream = await askForMicrophone(cancelEcho);
  try {
    const { context, source } = await connect(stream, rate);
    return record(context, source, stream, { portion, receive, ended });
  } catch (error) {
    stopTracks(stream);
    throw error;
  }
}

async function askForMicrophone(cancelEcho) {
  if (!navigator.mediaDevices) {
    throw new Problem("Browsers give a microphone only to pages on https or on localhost. Choose a file instead.");
  }
  const audio = { echoCancellation: cancelEcho, noiseSuppression: false, autoGainControl: false };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Problem(TROUBLE[error.name] ?? `The microphone cannot be used: ${error.message}`);
  }
}

/** Some browsers connect a microphone only to a context of its own rate. */
async function connect(stream, rate) {
  const context = await audioContext(rate);
  try {
    return { context, source: context.createMediaStreamSource(stream) };
  } catch {
    const own = await audioContextOfDevice(rate);
    return { context: own, source: own.createMediaStreamSource(stream) };
  }
}

function record(context, source, stream, { portion, receive, ended }) {
  const node = new AudioWorkletNode(context, "capture", { processorOptions: { portion } });
  const close = () => {
    source.disconnect();
    node.disconnect();
    stopTracks(stream);
    ended();
  };
  node.port.onmessage = ({ data }) => (data.type === "end" ? close() : receive(data.samples, data.frame));
  stream.getAudioTracks()[0].onended = () => node.port.postMessage("stop"); // unplugged
  source.connect(node);
  node.connect(context.destination); // silent; what leads nowhere need not be computed
  return { context, latency: inputLatency(stream), stop: () => node.port.postMessage("stop") };
}

/** Milliseconds from the air to the page, as far as the browser knows. */
function inputLatency(stream) {
  return 1000 * (stream.getAudioTracks()[0].getSettings().latency ?? 0);
}

function stopTracks(stream) {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}

// Sound out: live through the jitter buffer, and whole recordings to compare.

/** Live playback. `playing(position, frame)`, `state({buffered, underruns})`, `finished()`. */
export function livePlayer(context, { live, playing, state, finished }) {
  const node = new AudioWorkletNode(context, "playback", {
    numberOfInputs: 0,
    outputChannelCount: [1],
    processorOptions: { catchUp: live },
  });
  const close = () => {
    node.port.postMessage({ type: "stop" });
    node.disconnect();
  };
  node.port.onmessage = ({ data }) => {
    if (data.type === "playing") playing(data.position, data.frame);
    if (data.type === "state") state(data);
    if (data.type === "finished") {
      close();
      finished();
    }
  };
  node.connect(context.destination);
  return {
    push: (samples, position) => node.port.postMessage({ type: "samples", samples, position }),
    end: () => node.port.postMessage({ type: "end" }),
    close,
  };
}

/** A whole recording; returns {position, stop}, `position()` in seconds. */
export function playRecording(context, samples, rate, ended) {
  const buffer = context.createBuffer(1, Math.max(1, samples.length), rate);
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.onended = ended;
  const began = context.currentTime;
  source.start();
  return { position: () => context.currentTime - began, stop: () => source.stop() };
}

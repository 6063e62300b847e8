// One ONNX graph with its state: zeros at the start, then whatever the last step gave. The weights of
// all graphs are in one file beside them.

import * as ort from "./ort/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more need headers that a static server does not send
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

const ARRAYS = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array };

export class Graph {
  /** `weights`: {path, data} */
  static async open(address, weights) {
    const options = { executionProviders: ["wasm"], externalData: [weights] };
    return new Graph(await ort.InferenceSession.create(await load(address), options));
  }

  constructor(session) {
    this.session = session;
    this.state = session.inputMetadata.filter(({ name }) => name.startsWith("state."));
    this.shapes = Object.fromEntries(session.inputMetadata.map(({ name, shape }) => [name, shape]));
  }

  /** The state of a new stream. */
  start() {
    return Object.fromEntries(this.state.map(({ name, type, shape }) => [name, tensor(type, shape)]));
  }

  /** One step: [the output, the new state]. */
  async run(inputs, state) {
    const found = await this.session.run({ ...inputs, ...state });
    const [output, ...next] = this.session.outputNames;
    return [found[output], Object.fromEntries(this.state.map(({ name }, i) => [name, found[next[i]]]))];
  }
}

/** A file of this site, as bytes. */
export async function load(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} is missing from this site.`);
  return new Uint8Array(await response.arrayBuffer());
}

export function tensor(type, shape, values = null) {
  const size = shape.reduce((product, count) => product * count, 1);
  return new ort.Tensor(type, values ?? new ARRAYS[type](size), shape);
}

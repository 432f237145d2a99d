/**
 * Converts face-api's recognition net (dlib's ResNet with 128 outputs) from its weight manifest to ONNX.
 *
 * The weights are uint8 with a scale and a least value each; every convolution is followed by a scale layer, which is
 * folded into it. The layers are those of face-api's `FaceRecognitionNet.ts` (MIT), checked against its own output.
 */

import {
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "./onnx-file.ts";

interface StoredWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Absent: float32 as it is. */
  readonly quantization?: { readonly dtype: "uint8"; readonly scale: number; readonly min: number };
}

interface ReadWeight {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * @param manifest `face_recognition_model-weights_manifest.json`
 * @param weights `face_recognition_model.bin`
 * @throws Error when a weight is missing or the lengths do not agree.
 */
export function onnxOfFaceApiRecognition(manifest: Uint8Array, weights: Uint8Array): OnnxModel {
  const net = new RecognitionNet(readWeights(manifest, weights));
  let value = net.convolution("conv32_down", "input", { stride: 2, padding: 0, relu: true });
  value = net.node(
    "MaxPool",
    [value],
    [intsAttribute("kernel_shape", [3, 3]), intsAttribute("strides", [2, 2])],
  );
  for (const name of ["conv32_1", "conv32_2", "conv32_3"]) value = net.residual(name, value);
  value = net.residualDown("conv64_down", value, { addedChannels: 32, short: false });
  for (const name of ["conv64_1", "conv64_2", "conv64_3"]) value = net.residual(name, value);
  value = net.residualDown("conv128_down", value, { addedChannels: 64, short: false });
  for (const name of ["conv128_1", "conv128_2"]) value = net.residual(name, value);
  value = net.residualDown("conv256_down", value, { addedChannels: 128, short: true });
  for (const name of ["conv256_1", "conv256_2"]) value = net.residual(name, value);
  value = net.residualDown("conv256_down_out", value, { addedChannels: 0, short: true });
  value = net.node("Flatten", [net.node("GlobalAveragePool", [value], [])], []);
  return net.model(net.node("MatMul", [value, net.weight("fc")], []));
}

function readWeights(manifest: Uint8Array, bytes: Uint8Array): ReadonlyMap<string, ReadWeight> {
  // The file comes from a tarball with a pinned hash: its form is known.
  const groups: { readonly weights: readonly StoredWeight[] }[] = JSON.parse(
    new TextDecoder().decode(manifest),
  );
  const read = new Map<string, ReadWeight>();
  let at = 0;
  for (const { name, shape, quantization } of groups.flatMap((group) => group.weights)) {
    const count = shape.reduce((product, size) => product * size, 1);
    const stored = Uint8Array.from(bytes.subarray(at, at + count * (quantization === undefined ? 4 : 1)));
    const values =
      quantization === undefined
        ? new Float32Array(stored.buffer)
        : Float32Array.from(stored, (q) => q * quantization.scale + quantization.min);
    if (values.length !== count) throw new Error(`the weights end inside "${name}"`);
    read.set(name, { shape, values });
    at += stored.length;
  }
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes of weights are left over`);
  return read;
}

class RecognitionNet {
  private readonly weights: ReadonlyMap<string, ReadWeight>;
  private readonly nodes: OnnxNode[] = [];
  private readonly tensors: OnnxTensor[] = [];

  constructor(weights: ReadonlyMap<string, ReadWeight>) {
    this.weights = weights;
  }

  model(output: string): OnnxModel {
    return {
      irVersion: 7,
      producerName: "canteen-edge",
      opsetImport: [{ domain: "", version: 12 }],
      graph: {
        name: "face-api-descriptor",
        node: this.nodes,
        initializer: this.tensors,
        input: [floatValue("input", [1, 3, 150, 150])],
        output: [floatValue(output, [1, 128])],
        valueInfo: [],
      },
    };
  }

  node(opType: string, input: string[], attribute: OnnxAttribute[]): string {
    const output = `value_${this.nodes.length}`;
    this.nodes.push({ opType, input, output: [output], attribute });
    return output;
  }

  weight(name: string): string {
    const { shape, values } = this.read(name);
    this.tensors.push(floatTensor(name, [...shape], values));
    return name;
  }

  /** out = scale · (filters ∗ x + bias) + shift, as one Conv; filters are stored H×W×I×O. */
  convolution(
    name: string,
    x: string,
    { stride, padding, relu }: { stride: number; padding: number; relu: boolean },
  ): string {
    const { shape, values } = this.read(`${name}/conv/filters`);
    const [height = 0, width = 0, inCount = 0, outCount = 0] = shape;
    const scale = this.read(`${name}/scale/weights`).values;
    const shift = this.read(`${name}/scale/biases`).values;
    const bias = this.read(`${name}/conv/bias`).values.map((b, o) => b * (scale[o] ?? 0) + (shift[o] ?? 0));
    const area = height * width;
    const filters = new Float32Array(values.length);
    for (const [source, value] of values.entries()) {
      const o = source % outCount;
      const i = Math.floor(source / outCount) % inCount;
      const p = Math.floor(source / (outCount * inCount));
      filters[(o * inCount + i) * area + p] = value * (scale[o] ?? 0);
    }
    this.tensors.push(floatTensor(`${name}/filters`, [outCount, inCount, height, width], filters));
    this.tensors.push(floatTensor(`${name}/bias`, [outCount], bias));
    const out = this.node(
      "Conv",
      [x, `${name}/filters`, `${name}/bias`],
      [
        intsAttribute("kernel_shape", [height, width]),
        intsAttribute("strides", [stride, stride]),
        intsAttribute("pads", [padding, padding, padding, padding]),
      ],
    );
    return relu ? this.node("Relu", [out], []) : out;
  }

  residual(name: string, x: string): string {
    const first = this.convolution(`${name}/conv1`, x, { stride: 1, padding: 1, relu: true });
    const second = this.convolution(`${name}/conv2`, first, { stride: 1, padding: 1, relu: false });
    return this.node("Relu", [this.node("Add", [second, x], [])], []);
  }

  /** `short`: the convolved half comes out one row and one column smaller than the pooled one, and is padded. */
  residualDown(
    name: string,
    x: string,
    { addedChannels, short }: { addedChannels: number; short: boolean },
  ): string {
    const first = this.convolution(`${name}/conv1`, x, { stride: 2, padding: 0, relu: true });
    let out = this.convolution(`${name}/conv2`, first, { stride: 1, padding: 1, relu: false });
    if (short) out = this.pad(`${name}/rows`, out, [0, 0, 0, 0, 0, 0, 1, 1]);
    const pool = [
      intsAttribute("kernel_shape", [2, 2]),
      intsAttribute("strides", [2, 2]),
      intAttribute("count_include_pad", 0),
    ];
    let pooled = this.node("AveragePool", [x], pool);
    if (addedChannels > 0)
      pooled = this.pad(`${name}/channels`, pooled, [0, 0, 0, 0, 0, addedChannels, 0, 0]);
    return this.node("Relu", [this.node("Add", [pooled, out], [])], []);
  }

  private pad(name: string, x: string, pads: readonly number[]): string {
    this.tensors.push(int64Tensor(name, pads));
    return this.node("Pad", [x, name], []);
  }

  private read(name: string): ReadWeight {
    const weight = this.weights.get(name);
    if (weight === undefined) throw new Error(`weight "${name}" is not in the manifest`);
    return weight;
  }
}

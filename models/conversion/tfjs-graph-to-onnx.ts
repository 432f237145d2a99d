/**
 * Converts a convolutional TensorFlow.js graph model (`model.json` and its one shard of weights) to ONNX.
 *
 * Layout changes from N×H×W×C to N×C×H×W; before a picture is flattened it is turned back, because the weights behind
 * it were trained on rows of pixels. Only what our sources use is known; everything else is refused by name.
 * The form of the files is that of tfjs-converter's `io/types.ts` and TensorFlow's `NodeDef`.
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
import { float32OfHalf } from "./tflite-file.ts";

interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, GraphAttribute>>;
}

interface GraphAttribute {
  /** Base64 of the text. */
  readonly s?: string;
  readonly b?: boolean;
  readonly list?: { readonly i?: readonly string[]; readonly s?: readonly string[] };
  readonly shape?: { readonly dim?: readonly { readonly size: string }[] };
}

interface StoredWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly quantization?: { readonly dtype: string };
}

/** The parts of `model.json` that are read. */
interface GraphFile {
  readonly modelTopology: { readonly node: readonly GraphNode[] };
  readonly weightsManifest: readonly { readonly weights: readonly StoredWeight[] }[];
}

interface Constant {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A value while the graph runs: its name in the converted graph and its shape there. */
interface Value {
  readonly name: string;
  /** 1×C×H×W of a picture, 1×N of a vector. */
  readonly shape: readonly number[];
}

/**
 * @param graph `model.json`
 * @param weights the shard that it names
 * @throws Error when the graph uses something that this conversion does not know, or the weights do not fit it.
 */
export function onnxOfTfjsGraph(graph: Uint8Array, weights: Uint8Array, name: string): OnnxModel {
  // The file comes from a tarball with a pinned hash: its form is known.
  const file: GraphFile = JSON.parse(new TextDecoder().decode(graph));
  const stored = file.weightsManifest.flatMap((group) => group.weights);
  return new Converter(readWeights(stored, weights)).convert(file.modelTopology.node, name);
}

const byteCounts: Readonly<Record<string, number>> = { float32: 4, float16: 2, int32: 4 };

function readWeights(stored: readonly StoredWeight[], bytes: Uint8Array): ReadonlyMap<string, Constant> {
  const read = new Map<string, Constant>();
  let at = 0;
  for (const { name, shape, dtype, quantization } of stored) {
    const kind = quantization?.dtype ?? dtype;
    const count = shape.reduce((product, size) => product * size, 1);
    const byteCount = byteCounts[kind];
    if (byteCount === undefined) throw new Error(`weight "${name}" is stored as ${kind}, which is not read`);
    // A copy, because a shard's constants need not be aligned.
    const { buffer } = Uint8Array.from(bytes.subarray(at, at + count * byteCount));
    if (buffer.byteLength !== count * byteCount) throw new Error(`the weights end inside "${name}"`);
    read.set(name, { shape, values: floatsOf(buffer, kind) });
    at += buffer.byteLength;
  }
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes of weights are left over`);
  return read;
}

function floatsOf(buffer: ArrayBuffer, kind: string): Float32Array {
  if (kind === "float16") return Float32Array.from(new Uint16Array(buffer), float32OfHalf);
  return kind === "int32" ? Float32Array.from(new Int32Array(buffer)) : new Float32Array(buffer);
}

class Converter {
  private readonly constants: ReadonlyMap<string, Constant>;
  private readonly values = new Map<string, Value>();
  private readonly nodes: OnnxNode[] = [];
  private readonly tensors: OnnxTensor[] = [];

  constructor(constants: ReadonlyMap<string, Constant>) {
    this.constants = constants;
  }

  /** Nodes of a graph model are stored in an order that can be run. */
  convert(graph: readonly GraphNode[], name: string): OnnxModel {
    let last: Value | null = null;
    let input: Value | null = null;
    for (const node of graph) {
      if (node.op === "Const") continue;
      last = this.convertOne(node);
      if (node.op === "Placeholder") input = last;
      this.values.set(node.name, last);
    }
    if (last === null || input === null) throw new Error("the graph has no input or does nothing");
    return {
      irVersion: 7,
      producerName: "canteen-edge",
      opsetImport: [{ domain: "", version: 12 }],
      graph: {
        name,
        node: this.nodes,
        initializer: this.tensors,
        input: [floatValue(input.name, input.shape)],
        output: [floatValue(last.name, last.shape)],
        valueInfo: [],
      },
    };
  }

  private convertOne(node: GraphNode): Value {
    switch (node.op) {
      case "Placeholder":
        return this.placeholder(node);
      case "_FusedConv2D":
        return this.convolution(node);
      case "_FusedMatMul":
        return this.fullyConnected(node);
      case "MaxPool":
        return this.maxPool(node);
      case "Reshape":
        return this.flatten(node);
      case "Mul":
        return this.channelWise("Mul", node);
      case "Add":
      case "AddV2":
        return this.channelWise("Add", node);
      case "Relu":
      case "Sigmoid":
        return this.same(node.op, this.inputOf(node), []);
      case "Softmax":
        return this.same("Softmax", this.inputOf(node), [intAttribute("axis", 1)]);
      case "Identity":
        return this.inputOf(node);
      default:
        throw new Error(`TensorFlow operator "${node.op}" has no conversion here`);
    }
  }

  private placeholder({ name, attr }: GraphNode): Value {
    const sizes = (attr?.["shape"]?.shape?.dim ?? []).map(({ size }) => Number(size));
    const [, height, width, channels] = sizes;
    if (height === undefined || width === undefined || channels === undefined)
      throw new Error(`input "${name}" is no picture`);
    return { name: "input", shape: [1, channels, height, width] };
  }

  /** Filters are stored H×W×I×O; ONNX wants O×I×H×W. */
  private convolution(node: GraphNode): Value {
    const input = this.inputOf(node);
    const { shape, values } = this.constantOf(node, 1);
    const [height = 0, width = 0, inCount = 0, outCount = 0] = shape;
    const area = height * width;
    const filters = new Float32Array(values.length);
    for (const [source, value] of values.entries()) {
      const o = source % outCount;
      const i = Math.floor(source / outCount) % inCount;
      const p = Math.floor(source / (outCount * inCount));
      filters[(o * inCount + i) * area + p] = value;
    }
    if (listOf(node, "dilations").some((step) => step !== 1))
      throw new Error(`"${node.name}" is dilated, which has no conversion here`);
    const window = windowOf(node, input.shape, [height, width]);
    const out = this.add(
      "Conv",
      [
        input.name,
        this.tensor([outCount, inCount, height, width], filters),
        this.tensor([outCount], this.constantOf(node, 2).values),
      ],
      [1, outCount, ...window.outSize],
      window.attributes,
    );
    return this.fusedActivation(node, out);
  }

  private maxPool(node: GraphNode): Value {
    const input = this.inputOf(node);
    const [, height = 1, width = 1] = listOf(node, "ksize");
    const window = windowOf(node, input.shape, [height, width]);
    return this.add("MaxPool", [input.name], [1, input.shape[1] ?? 0, ...window.outSize], window.attributes);
  }

  /** Weights are I×O. */
  private fullyConnected(node: GraphNode): Value {
    const { shape, values } = this.constantOf(node, 1);
    if (node.attr?.["transpose_a"]?.b || node.attr?.["transpose_b"]?.b)
      throw new Error(`"${node.name}" multiplies a transposed matrix, which has no conversion here`);
    const [, outCount = 0] = shape;
    const operands = [this.tensor([...shape], values), this.constantOf(node, 2).values] as const;
    const out = this.add(
      "Gemm",
      [this.inputOf(node).name, operands[0], this.tensor([outCount], operands[1])],
      [1, outCount],
      [],
    );
    return this.fusedActivation(node, out);
  }

  private flatten(node: GraphNode): Value {
    const input = this.inputOf(node);
    const count = input.shape.reduce((product, size) => product * size, 1);
    const rows = this.add("Transpose", [input.name], [], [intsAttribute("perm", [0, 2, 3, 1])]);
    const shape = int64Tensor(`shape_${this.nodes.length}`, [1, count]);
    this.tensors.push(shape);
    return this.add("Reshape", [rows.name, shape.name], [1, count], []);
  }

  /** A constant that repeats along the channels. */
  private channelWise(opType: "Mul" | "Add", node: GraphNode): Value {
    const input = this.inputOf(node);
    const { values } = this.constantOf(node, 1);
    if (values.length !== input.shape[1]) throw new Error(`"${node.name}" is not one number a channel`);
    const dims = input.shape.length === 4 ? [values.length, 1, 1] : [values.length];
    return this.add(opType, [input.name, this.tensor(dims, values)], input.shape, []);
  }

  private fusedActivation(node: GraphNode, value: Value): Value {
    const steps = (node.attr?.["fused_ops"]?.list?.s ?? []).map(textOf).join("+");
    if (steps === "BiasAdd") return value;
    if (steps === "BiasAdd+Relu") return this.same("Relu", value, []);
    throw new Error(`"${node.name}" fuses ${steps}, which has no conversion here`);
  }

  private same(opType: string, { name, shape }: Value, attribute: OnnxAttribute[]): Value {
    return this.add(opType, [name], shape, attribute);
  }

  private add(opType: string, input: string[], shape: readonly number[], attribute: OnnxAttribute[]): Value {
    const name = `value_${this.nodes.length}`;
    this.nodes.push({ opType, input, output: [name], attribute });
    return { name, shape };
  }

  private tensor(dims: number[], values: Float32Array): string {
    const name = `weight_${this.tensors.length}`;
    this.tensors.push(floatTensor(name, dims, values));
    return name;
  }

  private inputOf({ name, input }: GraphNode): Value {
    const value = this.values.get(input?.[0] ?? "");
    if (value === undefined) throw new Error(`"${name}" takes a value that was not computed before it`);
    return value;
  }

  private constantOf({ name, input }: GraphNode, at: number): Constant {
    const constant = this.constants.get(input?.[at] ?? "");
    if (constant === undefined) throw new Error(`input ${at} of "${name}" is no constant`);
    return constant;
  }
}

function textOf(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

function listOf({ attr }: GraphNode, name: string): readonly number[] {
  return (attr?.[name]?.list?.i ?? []).map(Number);
}

/** Kernel, strides and padding of a moving window, and the size of what it leaves. SAME puts the odd pixel at the end. */
function windowOf(
  node: GraphNode,
  inputShape: readonly number[],
  kernel: readonly [number, number],
): { readonly attributes: OnnxAttribute[]; readonly outSize: readonly number[] } {
  const [, strideY = 1, strideX = 1] = listOf(node, "strides");
  const padding = textOf(node.attr?.["padding"]?.s ?? "");
  if (padding !== "SAME" && padding !== "VALID") throw new Error(`"${node.name}" pads by "${padding}"`);
  const axes = [
    { size: inputShape[2] ?? 0, stride: strideY, taps: kernel[0] },
    { size: inputShape[3] ?? 0, stride: strideX, taps: kernel[1] },
  ].map(({ size, stride, taps }) => {
    const out = Math.ceil((padding === "SAME" ? size : size - taps + 1) / stride);
    const padded = padding === "SAME" ? Math.max((out - 1) * stride + taps - size, 0) : 0;
    return { out, begin: Math.floor(padded / 2), end: Math.ceil(padded / 2) };
  });
  return {
    attributes: [
      intsAttribute("kernel_shape", [...kernel]),
      intsAttribute("strides", [strideY, strideX]),
      intsAttribute("pads", [...axes.map(({ begin }) => begin), ...axes.map(({ end }) => end)]),
    ],
    outSize: axes.map(({ out }) => out),
  };
}

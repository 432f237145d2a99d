/** The float weights of an ONNX graph by channel, for rewriting it. */

import { floatTensor, type OnnxModel, type OnnxNode, onnxFloat } from "./onnx-file.ts";

interface Weight {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** Reads weights lazily, changes copies, and writes them back with `store`. */
export class OnnxWeights {
  private readonly model: OnnxModel;
  private readonly weights = new Map<string, Weight>();

  constructor(model: OnnxModel) {
    this.model = model;
    for (const { name, dims, dataType, rawData } of model.graph.initializer) {
      if (dataType !== onnxFloat || !rawData?.length) continue;
      this.weights.set(name, { dims, values: new Float32Array(Uint8Array.from(rawData).buffer) });
    }
  }

  has(name: string | undefined): name is string {
    return name !== undefined && this.weights.has(name);
  }

  dimsOf(name: string | undefined): readonly number[] {
    return this.weights.get(name ?? "")?.dims ?? [];
  }

  valuesOf(name: string | undefined): Float32Array | null {
    return this.weights.get(name ?? "")?.values ?? null;
  }

  /** Slices along the first dimension: the weights of each output channel. */
  rowsOf(name: string | undefined): readonly Float32Array[] {
    const { dims, values } = this.weightOf(name);
    const count = dims[0] ?? 0;
    const length = values.length / count;
    return Array.from({ length: count }, (_, row) => values.subarray(row * length, (row + 1) * length));
  }

  /** Whether any output channel of a convolution has a weight other than zero for this input channel. */
  reads(name: string | undefined, channel: number): boolean {
    const [, channels = 1] = this.dimsOf(name);
    return this.rowsOf(name).some((row) => {
      const area = row.length / channels;
      return row.subarray(channel * area, (channel + 1) * area).some((weight) => weight !== 0);
    });
  }

  /** Replaces one weight of a node by another of a new name: the old one may have other readers. */
  replace(node: OnnxNode, name: string, dims: readonly number[], values: Float32Array): void {
    const fresh = this.add(name, dims, values);
    node.input = node.input.map((input) => (input === name ? fresh : input));
  }

  /** @returns the name it got: `name`, with a mark where that is taken. */
  add(name: string, dims: readonly number[], values: Float32Array): string {
    let fresh = name;
    while (this.weights.has(fresh)) fresh += "'";
    this.weights.set(fresh, { dims, values });
    return fresh;
  }

  /** Rows in a new order; `null` is a row of zeros. */
  takeRows(node: OnnxNode, name: string, rows: readonly (number | null)[]): void {
    const old = this.rowsOf(name);
    const length = old[0]?.length ?? 0;
    const values = new Float32Array(rows.length * length);
    for (const [i, row] of rows.entries()) {
      const source = row === null ? undefined : old[row];
      if (source !== undefined) values.set(source, i * length);
    }
    this.replace(node, name, [rows.length, ...this.dimsOf(name).slice(1)], values);
  }

  /** The same along the second dimension, a convolution's input channels. */
  takeColumns(node: OnnxNode, name: string | undefined, columns: readonly (number | null)[]): void {
    if (name === undefined) return;
    const [rowCount = 0, channels = 1, ...area] = this.dimsOf(name);
    const areaLength = area.reduce((product, side) => product * side, 1);
    const values = new Float32Array(rowCount * columns.length * areaLength);
    for (const [o, row] of this.rowsOf(name).entries()) {
      for (const [i, column] of columns.entries()) {
        if (column === null || column >= channels) continue;
        const source = row.subarray(column * areaLength, (column + 1) * areaLength);
        values.set(source, (o * columns.length + i) * areaLength);
      }
    }
    this.replace(node, name, [rowCount, columns.length, ...area], values);
  }

  addToBias(node: OnnxNode, added: readonly number[]): void {
    const [input = "", weight = "", bias] = node.input;
    const before = this.valuesOf(bias);
    const values = Float32Array.from(added, (value, i) => value + (before?.[i] ?? 0));
    node.input = [input, weight, this.add(bias ?? `${weight}_bias`, [values.length], values)];
  }

  /** Writes what the graph's nodes read back into the model; weights without a reader are left out. */
  store(): void {
    const { graph } = this.model;
    const read = new Set([
      ...graph.node.flatMap(({ input }) => input),
      ...graph.output.map(({ name }) => name),
    ]);
    const others = graph.initializer.filter(({ name }) => read.has(name) && !this.weights.has(name));
    const floats = [...this.weights].filter(([name]) => read.has(name));
    graph.initializer = [
      ...others,
      ...floats.map(([name, { dims, values }]) => floatTensor(name, [...dims], values)),
    ];
  }

  private weightOf(name: string | undefined): Weight {
    const weight = this.weights.get(name ?? "");
    if (weight === undefined) throw new Error(`"${name}" is no float weight of the graph`);
    return weight;
  }
}

export interface ConvolutionShape {
  /** `full`: every output reads every input; `depthwise`: one input each; `grouped`: between them. */
  readonly kind: "full" | "depthwise" | "grouped";
  /** Whether zeros are added around the picture. */
  readonly padded: boolean;
}

/** @returns `null` when the weights are not constants of the graph. */
export function convolutionShapeOf(node: OnnxNode, weights: OnnxWeights): ConvolutionShape | null {
  const [, weight, bias] = node.input;
  if (!weights.has(weight) || (bias !== undefined && !weights.has(bias))) return null;
  const [outCount = 0, inCountPerGroup = 0] = weights.dimsOf(weight);
  const groups = node.attribute.find(({ name }) => name === "group")?.i ?? 1;
  const pads = node.attribute.find(({ name }) => name === "pads")?.ints ?? [];
  const automatic = node.attribute.some(({ name }) => name === "auto_pad");
  const kind = groups === 1 ? "full" : groups === outCount && inCountPerGroup === 1 ? "depthwise" : "grouped";
  return { kind, padded: automatic || pads.some((pad) => pad !== 0) };
}

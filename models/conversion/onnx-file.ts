/** Reading and writing of ONNX files: the protobuf of onnx.proto as plain objects. */

import { readFileSync } from "node:fs";
import protobuf from "protobufjs";

export interface OnnxTensor {
  name: string;
  dims: number[];
  dataType: number;
  /** Little-endian values; empty when they are in one of the typed lists. */
  rawData?: Uint8Array;
  floatData?: number[];
  int32Data?: number[];
  int64Data?: number[];
}

export interface OnnxAttribute {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: OnnxTensor;
  floats?: number[];
  ints?: number[];
}

export interface OnnxNode {
  opType: string;
  name?: string;
  input: string[];
  output: string[];
  attribute: OnnxAttribute[];
}

export interface OnnxValueInfo {
  name: string;
  type: { tensorType: { elemType: number; shape: { dim: { dimValue?: number; dimParam?: string }[] } } };
}

export interface OnnxModel {
  irVersion: number;
  producerName: string;
  opsetImport: { domain: string; version: number }[];
  graph: {
    name: string;
    node: OnnxNode[];
    initializer: OnnxTensor[];
    input: OnnxValueInfo[];
    output: OnnxValueInfo[];
    valueInfo: OnnxValueInfo[];
  };
}

/** ONNX's numbers for element and attribute types. */
export const onnxFloat = 1;
export const onnxInt64 = 7;
const attributeFloat = 1;
const attributeInt = 2;
const attributeInts = 7;

const schema = protobuf.parse(readFileSync(new URL("onnx.proto", import.meta.url), "utf8")).root;
const modelType = schema.lookupType("onnx.ModelProto");

/** @throws Error when the bytes are no protobuf of an ONNX model. */
export function decodeOnnx(bytes: Uint8Array): OnnxModel {
  const plain = modelType.toObject(modelType.decode(bytes), { longs: Number, arrays: true });
  if (typeof plain["graph"] !== "object") throw new Error("not an ONNX file: it holds no graph");
  return plain as OnnxModel;
}

/** The same model always gives the same bytes. */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  return modelType.encode(modelType.fromObject(model)).finish();
}

export function floatTensor(name: string, dims: number[], values: Float32Array): OnnxTensor {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dims, dataType: onnxFloat, rawData };
}

export function int64Tensor(name: string, values: readonly number[]): OnnxTensor {
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, dims: [values.length], dataType: onnxInt64, rawData };
}

export function floatValue(name: string, shape: readonly number[]): OnnxValueInfo {
  return {
    name,
    type: { tensorType: { elemType: onnxFloat, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
  };
}

export function floatAttribute(name: string, f: number): OnnxAttribute {
  return { name, type: attributeFloat, f };
}

export function intAttribute(name: string, i: number): OnnxAttribute {
  return { name, type: attributeInt, i };
}

export function intsAttribute(name: string, ints: number[]): OnnxAttribute {
  return { name, type: attributeInts, ints };
}

/** Weights smaller than this become zero: they change no output, and subnormal arithmetic is five times slower. */
export const weightMagnitudeMin = 1e-20;

/**
 * Sets every float32 weight under `weightMagnitudeMin` to zero, in place.
 * @returns how many non-zero weights were set to zero.
 */
export function flushTinyWeights(model: OnnxModel): number {
  let count = 0;
  for (const tensor of model.graph.initializer) {
    if (tensor.dataType !== onnxFloat || tensor.rawData === undefined) continue;
    // Not slice(): on a Buffer that would be a view of the whole file.
    const bytes = Uint8Array.from(tensor.rawData);
    const values = new Float32Array(bytes.buffer);
    for (const [i, value] of values.entries()) {
      if (value === 0 || Math.abs(value) >= weightMagnitudeMin) continue;
      values[i] = 0;
      count += 1;
    }
    tensor.rawData = bytes;
  }
  return count;
}

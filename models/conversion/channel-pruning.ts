/**
 * Leaves channels out of a convolutional graph that can't change its output, and makes what stays a multiple of the
 * width that onnxruntime's blocked kernels work in. Both are exact: no learned number is altered.
 *
 * A channel is dropped when its weights are all zero, so that it is one constant (which goes into the next bias), or
 * when nobody reads it. Training with weight decay leaves many such: a third of fr-feature's inner channels.
 */

import { intAttribute, type OnnxModel, type OnnxNode } from "./onnx-file.ts";
import { type ConvolutionShape, convolutionShapeOf, OnnxWeights } from "./onnx-graph.ts";

/** Channels of one block on AVX2; AVX-512 has twice as many, and there an odd block costs a little padding. */
export const channelBlock = 8;

/** Tensors that share their channels' numbering, from the convolution that makes them to those that mix them again. */
interface ChannelGroup {
  readonly source: OnnxNode;
  /** Depthwise convolutions and activations on the way, in order. */
  readonly along: readonly OnnxNode[];
  readonly sinks: readonly OnnxNode[];
}

export interface Pruning {
  readonly dropped: number;
  /** Channels of zeros that were added to fill a block. */
  readonly added: number;
}

/** Prunes in place. Groups that end in anything but convolutions, or in an output, stay as they are. */
export function pruneChannels(model: OnnxModel): Pruning {
  const weights = new OnnxWeights(model);
  let dropped = 0;
  let added = 0;
  for (const source of model.graph.node) {
    const group = groupOf(source, model, weights);
    if (group === null) continue;
    const constants = constantsOf(group, weights);
    const count = weights.dimsOf(source.input[1])[0] ?? 0;
    const kept = keptChannels(group, count, constants, weights);
    if (kept.every((channel, i) => channel === i) && kept.length === count) continue;
    foldConstants(group, constants, new Set(kept), weights);
    resize(group, kept, weights);
    const keptReal = kept.filter((channel) => channel !== null).length;
    dropped += count - keptReal;
    added += kept.length - keptReal;
  }
  if (dropped + added > 0) weights.store();
  return { dropped, added };
}

function groupOf(source: OnnxNode, model: OnnxModel, weights: OnnxWeights): ChannelGroup | null {
  if (shapeOf(source, weights)?.kind !== "full") return null;
  const outputs = new Set(model.graph.output.map(({ name }) => name));
  const along: OnnxNode[] = [];
  const sinks: OnnxNode[] = [];
  const tensors = [...source.output];
  for (const tensor of tensors) {
    if (outputs.has(tensor)) return null;
    for (const reader of model.graph.node) {
      if (!reader.input.includes(tensor)) continue;
      const shape = shapeOf(reader, weights);
      if (shape?.kind === "full" && reader.input.indexOf(tensor) === 0) {
        sinks.push(reader);
      } else if (shape?.kind === "depthwise" || isActivation(reader, weights)) {
        along.push(reader);
        tensors.push(...reader.output);
      } else {
        return null;
      }
    }
  }
  return sinks.length === 0 ? null : { source, along, sinks };
}

function shapeOf(node: OnnxNode, weights: OnnxWeights): ConvolutionShape | null {
  return node.opType === "Conv" ? convolutionShapeOf(node, weights) : null;
}

function isActivation(node: OnnxNode, weights: OnnxWeights): boolean {
  return node.opType === "Relu" || (node.opType === "PRelu" && weights.has(node.input[1]));
}

/** By tensor: the value of each channel that is the same at every pixel of every picture, else `null`. */
type Constants = ReadonlyMap<string, readonly (number | null)[]>;

function constantsOf({ source, along }: ChannelGroup, weights: OnnxWeights): Constants {
  const constants = new Map<string, (number | null)[]>();
  const rows = weights.rowsOf(source.input[1]);
  const biases = weights.valuesOf(source.input[2]);
  const ofSource = rows.map((row, o) => (row.every((weight) => weight === 0) ? (biases?.[o] ?? 0) : null));
  constants.set(source.output[0] ?? "", ofSource);
  for (const node of along) {
    const before = constants.get(node.input[0] ?? "") ?? [];
    constants.set(node.output[0] ?? "", constantsAfter(node, before, weights));
  }
  return constants;
}

function constantsAfter(
  node: OnnxNode,
  before: readonly (number | null)[],
  weights: OnnxWeights,
): (number | null)[] {
  if (node.opType === "Relu") return before.map((value) => (value === null ? null : Math.max(value, 0)));
  if (node.opType === "PRelu") {
    const slopes = weights.valuesOf(node.input[1]);
    return before.map((value, i) => (value === null || value >= 0 ? value : value * (slopes?.[i] ?? 0)));
  }
  const biases = weights.valuesOf(node.input[2]);
  const padded = convolutionShapeOf(node, weights)?.padded ?? true;
  return weights.rowsOf(node.input[1]).map((row, i) => {
    const bias = biases?.[i] ?? 0;
    const value = before[i] ?? null;
    const sum = row.reduce((total, weight) => total + weight, 0);
    if (row.every((weight) => weight === 0)) return bias;
    // The border of zeros makes any other constant a little less at the edges.
    return value === 0 || (value !== null && !padded) ? bias + value * sum : null;
  });
}

/** Channels that stay, in order, filled up to whole blocks: with dropped ones while there are any, then zeros (`null`). */
function keptChannels(
  { sinks }: ChannelGroup,
  count: number,
  constants: Constants,
  weights: OnnxWeights,
): readonly (number | null)[] {
  const needed = new Set<number>();
  for (const sink of sinks) {
    const values = constants.get(sink.input[0] ?? "") ?? [];
    const padded = convolutionShapeOf(sink, weights)?.padded ?? true;
    for (let channel = 0; channel < count; channel += 1) {
      const value = values[channel] ?? null;
      const folds = value === 0 || (value !== null && !padded);
      if (!folds && weights.reads(sink.input[1], channel)) needed.add(channel);
    }
  }
  const total = Math.max(1, Math.ceil(needed.size / channelBlock)) * channelBlock;
  for (let channel = 0; channel < count && needed.size < total; channel += 1) needed.add(channel);
  const kept: (number | null)[] = [...needed].sort((a, b) => a - b);
  while (kept.length < total) kept.push(null);
  return kept;
}

/** What a dropped constant gave to the sums of the next convolution becomes part of its bias. */
function foldConstants(
  { sinks }: ChannelGroup,
  constants: Constants,
  kept: ReadonlySet<number | null>,
  weights: OnnxWeights,
): void {
  for (const sink of sinks) {
    const values = constants.get(sink.input[0] ?? "") ?? [];
    const added = weights.rowsOf(sink.input[1]).map((row) => {
      const area = row.length / values.length;
      return values.reduce<number>((sum, value, channel) => {
        if (value === null || value === 0 || kept.has(channel)) return sum;
        return row
          .subarray(channel * area, (channel + 1) * area)
          .reduce((s, weight) => s + weight * value, sum);
      }, 0);
    });
    if (added.some((value) => value !== 0)) weights.addToBias(sink, added);
  }
}

function setGroups(node: OnnxNode, count: number): void {
  const others = node.attribute.filter(({ name }) => name !== "group");
  node.attribute = [...others, intAttribute("group", count)];
}

function resize(
  { source, along, sinks }: ChannelGroup,
  kept: readonly (number | null)[],
  weights: OnnxWeights,
) {
  for (const node of [source, ...along]) {
    for (const input of node.input.slice(1)) weights.takeRows(node, input, kept);
    // Only a depthwise convolution has a group for each channel; the source has one for all.
    if (node !== source && node.opType === "Conv") setGroups(node, kept.length);
  }
  for (const sink of new Set(sinks)) weights.takeColumns(sink, sink.input[1], kept);
}

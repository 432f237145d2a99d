/**
 * Spells PRelu in operators that onnxruntime keeps in its blocked layout.
 *
 * Its fast convolutions work on blocks of channels, but PRelu knows only whole planes, so each of them costs two
 * rearrangements of the whole tensor beside its own pass: half of the time of a MobileFaceNet. PReLU with slope a is
 *
 *     a·x + relu((1 − a)·x)  for a ≤ 1, and  −(−x + relu((1 − a)·x))  for a > 1,
 *
 * which is two depthwise convolutions, the activation fused into one and the sum into the other. After a depthwise
 * convolution they are that convolution itself, twice with scaled weights; after another they have 1×1 weights. The
 * sign of the second case goes into the convolutions that read the result.
 */

import { channelBlock } from "./channel-pruning.ts";
import { intAttribute, intsAttribute, type OnnxModel, type OnnxNode } from "./onnx-file.ts";
import { convolutionShapeOf, OnnxWeights } from "./onnx-graph.ts";

/** Rewrites in place every PRelu between convolutions with whole blocks of channels. @returns how many. */
export function respellPrelu(model: OnnxModel): number {
  const weights = new OnnxWeights(model);
  const { graph } = model;
  const outputs = new Set(graph.output.map(({ name }) => name));
  let count = 0;
  graph.node = graph.node.flatMap((node) => {
    const chain = outputs.has(node.output[0] ?? "") ? null : chainOf(node, graph.node, weights);
    if (chain === null) return [node];
    count += 1;
    return spell(chain, weights);
  });
  if (count === 0) return 0;
  const read = new Set([...outputs, ...graph.node.flatMap(({ input }) => input)]);
  // A depthwise convolution before a PRelu is contained in what replaces both.
  graph.node = graph.node.filter(({ output }) => output.some((name) => read.has(name)));
  weights.store();
  return count;
}

interface PreluChain {
  readonly producer: OnnxNode;
  readonly prelu: OnnxNode;
  readonly readers: readonly OnnxNode[];
  readonly slopes: Float32Array;
  /** Whether `producer` is depthwise and nobody else reads it. */
  readonly doubles: boolean;
}

function chainOf(prelu: OnnxNode, nodes: readonly OnnxNode[], weights: OnnxWeights): PreluChain | null {
  const [input = "", slopeName] = prelu.input;
  const slopes = prelu.opType === "PRelu" ? weights.valuesOf(slopeName) : null;
  const producer = nodes.find(({ output }) => output.includes(input));
  if (slopes === null || producer?.opType !== "Conv" || slopes.length % channelBlock !== 0) return null;
  const shape = convolutionShapeOf(producer, weights);
  const [outCount] = weights.dimsOf(producer.input[1]);
  // One slope for all channels has no case here: none of the sources spells it so.
  if (shape === null || outCount !== slopes.length) return null;
  const readers = nodes.filter((node) => node.input.includes(prelu.output[0] ?? ""));
  const areConvolutions = readers.every(
    (reader) => reader.opType === "Conv" && convolutionShapeOf(reader, weights) !== null,
  );
  if (!areConvolutions || readers.length === 0) return null;
  const readersOfInput = nodes.filter((node) => node.input.includes(input));
  return {
    producer,
    prelu,
    readers,
    slopes,
    doubles: shape.kind === "depthwise" && readersOfInput.length === 1,
  };
}

function spell({ producer, prelu, readers, slopes, doubles }: PreluChain, weights: OnnxWeights): OnnxNode[] {
  const linear = slopes.map((slope) => (slope > 1 ? -1 : slope));
  const rectified = slopes.map((slope) => 1 - slope);
  const [output = ""] = prelu.output;
  const bent = `${output}_bent`;
  const scaled = (factors: Float32Array, name: string): OnnxNode => ({
    ...(doubles ? scaledCopy(producer, factors, weights) : scaling(prelu, factors, weights)),
    output: [name],
  });
  for (const reader of readers) flipSigns(reader, slopes, weights);
  return [
    scaled(rectified, `${bent}_x`),
    { opType: "Relu", input: [`${bent}_x`], output: [bent], attribute: [] },
    scaled(linear, `${output}_linear`),
    { opType: "Add", input: [`${output}_linear`, bent], output: [output], attribute: [] },
  ];
}

/** A depthwise 1×1 convolution of what the PRelu reads. */
function scaling(
  { input: [x = "", slope = ""] }: OnnxNode,
  factors: Float32Array,
  weights: OnnxWeights,
): OnnxNode {
  return {
    opType: "Conv",
    input: [x, weights.add(`${slope}_scale`, [factors.length, 1, 1, 1], factors)],
    output: [],
    attribute: [intsAttribute("kernel_shape", [1, 1]), intAttribute("group", factors.length)],
  };
}

function scaledCopy(producer: OnnxNode, factors: Float32Array, weights: OnnxWeights): OnnxNode {
  const [x = "", ...constants] = producer.input;
  const scaledConstants = constants.map((name) => {
    const values = weights
      .rowsOf(name)
      .flatMap((row, o) => Array.from(row, (value) => value * (factors[o] ?? 0)));
    return weights.add(name, weights.dimsOf(name), Float32Array.from(values));
  });
  // Without its name, which may stand only once in a graph.
  return { opType: "Conv", input: [x, ...scaledConstants], output: [], attribute: producer.attribute };
}

/** Where the slope is over 1, the new spelling gives the negative: the reader's weights for it change sign. */
function flipSigns(reader: OnnxNode, slopes: Float32Array, weights: OnnxWeights): void {
  if (slopes.every((slope) => slope <= 1)) return;
  const name = reader.input[1] ?? "";
  const [rowCount = 0, inCountPerGroup = 1] = weights.dimsOf(name);
  const values = Float32Array.from(weights.valuesOf(name) ?? []);
  const area = values.length / rowCount / inCountPerGroup;
  const groups = slopes.length / inCountPerGroup;
  for (let i = 0; i < values.length; i += 1) {
    const row = Math.floor(i / area / inCountPerGroup);
    const group = Math.floor((row * groups) / rowCount);
    const channel = group * inCountPerGroup + (Math.floor(i / area) % inCountPerGroup);
    if ((slopes[channel] ?? 0) > 1) values[i] = -(values[i] ?? 0);
  }
  weights.replace(reader, name, weights.dimsOf(name), values);
}

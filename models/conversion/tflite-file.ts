/**
 * Reader of TensorFlow Lite model files, as far as our conversions need them.
 *
 * A .tflite file is one FlatBuffer; the field numbers are those of TensorFlow's `schema.fbs` (version 3).
 * Only float32, float16 and int32 constants are read; everything else is refused by name.
 */

export interface TfliteTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** `null` for an activation: its values exist only while the model runs. */
  readonly data: Float32Array | Int32Array | null;
}

export interface TfliteOperator {
  readonly kind: TfliteOperatorKind;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Scalar of the operator's options table by its field number; the schema's default where it is not stored. */
  readonly option: (field: number, kind: "int8" | "int32" | "float32", fallback: number) => number;
}

export interface TfliteGraph {
  readonly tensors: readonly TfliteTensor[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly operators: readonly TfliteOperator[];
}

const operatorKinds = {
  0: "add",
  1: "average-pool",
  2: "concatenation",
  3: "conv",
  4: "depthwise-conv",
  6: "dequantize",
  9: "fully-connected",
  17: "max-pool",
  18: "mul",
  19: "relu",
  22: "reshape",
  41: "sub",
  45: "strided-slice",
  53: "cast",
  58: "less",
  59: "neg",
  62: "greater-equal",
  98: "leaky-relu",
  101: "abs",
} as const;

/** An unsupported operator may be in the file, as long as no wanted output needs it. */
export type TfliteOperatorKind = (typeof operatorKinds)[keyof typeof operatorKinds] | "unsupported";

/**
 * Reads the first subgraph of a .tflite file.
 * @throws Error when the file is no TFL3 FlatBuffer or holds constants of a type that is not read here.
 */
export function readTflite(bytes: Uint8Array): TfliteGraph {
  const buffer = new FlatBuffer(bytes);
  if (buffer.text(4, 4) !== "TFL3") throw new Error("not a TensorFlow Lite file: the TFL3 mark is missing");
  const model = buffer.rootTable();
  const buffers = model.tables(4);
  const kinds = model.tables(1).map(operatorKindOf);
  const [graph] = model.tables(2);
  if (graph === undefined) throw new Error("the TensorFlow Lite file holds no graph");
  return {
    tensors: graph.tables(0).map((tensor) => readTensor(tensor, buffers)),
    inputs: graph.int32s(1),
    outputs: graph.int32s(2),
    operators: graph.tables(3).map((operator) => readOperator(operator, kinds)),
  };
}

/** The graph with its half-precision constants as plain ones: what "dequantize" operators do at each run. */
export function withoutDequantize(graph: TfliteGraph): TfliteGraph {
  const tensors = [...graph.tensors];
  const operators = graph.operators.filter(({ kind, inputs: [from = -1], outputs: [to = -1] }) => {
    const [stored, target] = [tensors[from], tensors[to]];
    if (kind !== "dequantize" || !stored?.data || target === undefined) return true;
    tensors[to] = { ...target, data: stored.data };
    return false;
  });
  return { ...graph, tensors, operators };
}

function operatorKindOf(code: Table): TfliteOperatorKind {
  // Codes under 127 are in the old one-byte field; newer writers fill both.
  const builtin = Math.max(code.int8(0, 0), code.int32(3, 0));
  return (operatorKinds as Record<number, TfliteOperatorKind>)[builtin] ?? "unsupported";
}

function readTensor(tensor: Table, buffers: readonly Table[]): TfliteTensor {
  const type = tensor.int8(1, 0);
  const raw = buffers[tensor.int32(2, 0)]?.bytes(0) ?? new Uint8Array(0);
  const name = tensor.string(3);
  return { name, shape: tensor.int32s(0), data: raw.length === 0 ? null : decodeConstant(raw, type, name) };
}

function decodeConstant(raw: Uint8Array, type: number, name: string): Float32Array | Int32Array {
  // A copy, because the constants of a FlatBuffer need not be aligned to four bytes.
  const copy = Uint8Array.from(raw).buffer;
  if (type === 0) return new Float32Array(copy);
  if (type === 1) return Float32Array.from(new Uint16Array(copy), float32OfHalf);
  if (type === 2) return new Int32Array(copy);
  throw new Error(`TensorFlow Lite tensor type ${type} of "${name}" is not supported`);
}

/** IEEE 754 binary16 → number. */
export function float32OfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function readOperator(operator: Table, kinds: readonly TfliteOperatorKind[]): TfliteOperator {
  const kind = kinds[operator.int32(0, 0)];
  if (kind === undefined) throw new Error("a TensorFlow Lite operator names a code that is not there");
  const options = operator.table(4);
  return {
    kind,
    inputs: operator.int32s(1),
    outputs: operator.int32s(2),
    option: (field, kind, fallback) => options?.[kind](field, fallback) ?? fallback,
  };
}

class FlatBuffer {
  readonly view: DataView;
  private readonly source: Uint8Array;

  constructor(source: Uint8Array) {
    this.source = source;
    this.view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  rootTable(): Table {
    return new Table(this, this.view.getUint32(0, true));
  }

  text(at: number, length: number): string {
    return new TextDecoder().decode(this.source.subarray(at, at + length));
  }

  slice(at: number, length: number): Uint8Array {
    return this.source.subarray(at, at + length);
  }
}

/** One FlatBuffer table: fields are found through its vtable and may be absent. */
class Table {
  private readonly buffer: FlatBuffer;
  private readonly at: number;

  constructor(buffer: FlatBuffer, at: number) {
    this.buffer = buffer;
    this.at = at;
  }

  int8(field: number, fallback: number): number {
    const at = this.fieldAt(field);
    return at === 0 ? fallback : this.buffer.view.getInt8(at);
  }

  int32(field: number, fallback: number): number {
    const at = this.fieldAt(field);
    return at === 0 ? fallback : this.buffer.view.getInt32(at, true);
  }

  float32(field: number, fallback: number): number {
    const at = this.fieldAt(field);
    return at === 0 ? fallback : this.buffer.view.getFloat32(at, true);
  }

  table(field: number): Table | null {
    const at = this.fieldAt(field);
    return at === 0 ? null : new Table(this.buffer, this.follow(at));
  }

  string(field: number): string {
    const vector = this.vector(field);
    return vector === null ? "" : this.buffer.text(vector.at, vector.length);
  }

  bytes(field: number): Uint8Array {
    const vector = this.vector(field);
    return vector === null ? new Uint8Array(0) : this.buffer.slice(vector.at, vector.length);
  }

  int32s(field: number): number[] {
    const vector = this.vector(field);
    if (vector === null) return [];
    return Array.from({ length: vector.length }, (_, i) =>
      this.buffer.view.getInt32(vector.at + 4 * i, true),
    );
  }

  tables(field: number): Table[] {
    const vector = this.vector(field);
    if (vector === null) return [];
    return Array.from(
      { length: vector.length },
      (_, i) => new Table(this.buffer, this.follow(vector.at + 4 * i)),
    );
  }

  private vector(field: number): { at: number; length: number } | null {
    const at = this.fieldAt(field);
    if (at === 0) return null;
    const start = this.follow(at);
    return { at: start + 4, length: this.buffer.view.getUint32(start, true) };
  }

  private follow(at: number): number {
    return at + this.buffer.view.getUint32(at, true);
  }

  private fieldAt(field: number): number {
    const { view } = this.buffer;
    const vtable = this.at - view.getInt32(this.at, true);
    const slot = 4 + 2 * field;
    if (slot >= view.getUint16(vtable, true)) return 0;
    const offset = view.getUint16(vtable + slot, true);
    return offset === 0 ? 0 : this.at + offset;
  }
}

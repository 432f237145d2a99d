import type { TfliteOperator } from "./tflite-file.ts";

/** TensorFlow's SAME puts the odd pixel of padding at the end; VALID has none. Gives [top, left, bottom, right]. */
export function paddingOf(
  operator: TfliteOperator,
  inputSize: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
): number[] {
  const paddingIsValid = operator.option(0, "int8", 0) === 1;
  const activationField = { conv: 3, "depthwise-conv": 4, "max-pool": 5, "average-pool": 5 }[
    operator.kind as "conv" | "depthwise-conv" | "max-pool" | "average-pool"
  ];
  if (operator.option(activationField, "int8", 0) !== 0) {
    throw new Error("a fused activation has no conversion here");
  }
  const begins: number[] = [];
  const ends: number[] = [];
  for (const [axis, size] of inputSize.entries()) {
    const stride = strides[axis] ?? 1;
    const total = paddingIsValid
      ? 0
      : Math.max((Math.ceil(size / stride) - 1) * stride + (kernel[axis] ?? 1) - size, 0);
    begins.push(Math.floor(total / 2));
    ends.push(Math.ceil(total / 2));
  }
  return [...begins, ...ends];
}

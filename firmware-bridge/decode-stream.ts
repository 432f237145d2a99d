import { DECODE_LINE_CHARACTERS_MAX, type DecodeAnswer, decodeLine } from "./decode.ts";

/**
 * Answers JSON lines with JSON lines, in order and one at a time, so that a slow reader slows the writer.
 * A line that is too long is answered as such and dropped to its end; empty lines are skipped.
 */
export async function* decodeLines(chunks: AsyncIterable<string | Uint8Array>): AsyncGenerator<string> {
  const splitter = new LineSplitter();
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    for (const line of splitter.push(text)) yield answerOf(line);
  }
  for (const line of splitter.end()) yield answerOf(line);
}

type Line = { readonly kind: "line"; readonly text: string } | { readonly kind: "too-long" };

function answerOf(line: Line): string {
  const answer: DecodeAnswer =
    line.kind === "line"
      ? decodeLine(line.text)
      : { id: null, error: { code: "line-too-long", message: "the line is too long" } };
  return JSON.stringify(answer);
}

class LineSplitter {
  readonly #parts: string[] = [];
  #characters = 0;
  #dropping = false;

  push(text: string): readonly Line[] {
    const lines: Line[] = [];
    const pieces = text.split("\n");
    for (const [index, piece] of pieces.entries()) {
      this.#add(piece, lines);
      if (index < pieces.length - 1) lines.push(...this.end());
    }
    return lines;
  }

  end(): readonly Line[] {
    const text = this.#parts.splice(0).join("").trim();
    this.#characters = 0;
    this.#dropping = false;
    return text === "" ? [] : [{ kind: "line", text }];
  }

  #add(piece: string, lines: Line[]): void {
    if (this.#dropping) return;
    this.#characters += piece.length;
    if (this.#characters <= DECODE_LINE_CHARACTERS_MAX) {
      this.#parts.push(piece);
      return;
    }
    this.#parts.length = 0;
    this.#dropping = true;
    lines.push({ kind: "too-long" });
  }
}

/**
 * Int8 copies of some people's fused templates, in a matrix of their own: usearch scans a matrix as a whole, so who is
 * to be searched apart lies apart. The gallery has two, the expected people and the others, and each row is scanned
 * once for both answers.
 */

import { exactSearch, MetricKind } from "usearch";

export const int8Max = 127;
const rowCapacityMin = 64;

/** A person of the gallery: where the numbers are. */
export interface GalleryPerson {
  readonly personId: string;
  templateCount: number;
  /** Length of the sum of this person's templates, before it was made 1. */
  sumLength: number;
  /** Row of the float32 numbers in the gallery. */
  row: number;
  block: GalleryBlock;
  /** Row of the int8 numbers in `block`. */
  blockRow: number;
  /** Quantises badly: settled in float64 at every search. */
  isRough: boolean;
}

export class GalleryBlock {
  /** Person of each row. */
  readonly people: GalleryPerson[] = [];
  readonly rough = new Set<GalleryPerson>();
  private readonly embeddingLength: number;
  private bytes: Int8Array;

  constructor(embeddingLength: number, rowCapacity: number) {
    this.embeddingLength = embeddingLength;
    this.bytes = new Int8Array(Math.max(rowCapacity, rowCapacityMin) * embeddingLength);
  }

  /** Gives the person the next row, which is all zeros; `bytesOf` is then written. */
  add(person: GalleryPerson): void {
    person.block = this;
    person.blockRow = this.people.length;
    this.people.push(person);
    if (person.isRough) this.rough.add(person);
    this.reserve(this.people.length);
  }

  /** The last row moves into the gap; no trace is left. */
  remove(person: GalleryPerson): void {
    const last = this.people.pop();
    if (last === undefined) return;
    const length = this.embeddingLength;
    if (last !== person) {
      this.bytes.copyWithin(person.blockRow * length, last.blockRow * length, (last.blockRow + 1) * length);
      last.blockRow = person.blockRow;
      this.people[last.blockRow] = last;
    }
    this.bytes.fill(0, this.people.length * length, (this.people.length + 1) * length);
    this.rough.delete(person);
  }

  /** Takes a person over from the block that has them. */
  moveHere(person: GalleryPerson): void {
    if (person.block === this) return;
    const bytes = person.block.bytesOf(person).slice();
    person.block.remove(person);
    this.add(person);
    this.bytesOf(person).set(bytes);
  }

  /** A view of the person's numbers, to be written before the next person is added. */
  bytesOf(person: GalleryPerson): Int8Array {
    const start = person.blockRow * this.embeddingLength;
    return this.bytes.subarray(start, start + this.embeddingLength);
  }

  setRough(person: GalleryPerson, isRough: boolean): void {
    person.isRough = isRough;
    if (isRough) this.rough.add(person);
    else this.rough.delete(person);
  }

  /** The `count` nearest people by the int8 dot product, which float32 holds exactly, and the least of these products. */
  nearest(
    probe: Int8Array,
    count: number,
  ): { readonly people: readonly GalleryPerson[]; readonly leastDot: number } {
    // usearch reads a matrix from the start of its buffer whatever its offset, so the view must begin there.
    const matrix = this.bytes.subarray(0, this.people.length * this.embeddingLength);
    const matches = exactSearch(matrix, probe, this.embeddingLength, count, MetricKind.IP, 1);
    const people: GalleryPerson[] = [];
    for (const key of matches.keys) {
      const person = this.people[Number(key)];
      if (person !== undefined) people.push(person);
    }
    return { people, leastDot: 1 - (matches.distances[count - 1] ?? 0) };
  }

  /** Makes room for so many rows in all; a quarter more than needed, so that it is seldom. */
  reserve(rows: number): void {
    const capacity = this.bytes.length / this.embeddingLength;
    if (rows > capacity) this.resize(Math.ceil(Math.max(rows, capacity * 1.25)));
  }

  /** Gives back what a crowd that moved out has left empty. */
  trim(): void {
    const rows = Math.max(this.people.length, rowCapacityMin);
    if (rows * 4 * this.embeddingLength < this.bytes.length) this.resize(Math.ceil(rows * 1.25));
  }

  private resize(rows: number): void {
    const bytes = new Int8Array(rows * this.embeddingLength);
    bytes.set(this.bytes.subarray(0, bytes.length));
    this.bytes.fill(0);
    this.bytes = bytes;
  }
}

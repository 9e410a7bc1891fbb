import type { Values } from "./columns.ts";

const DIGIT = 11;
const SIZE = 1 << DIGIT;
const LAST = 0xffffffff;

/** The latents by a column. Ties keep the order of the dictionary; what is no number comes last either way. */
export function orderOf(values: Values, descending: boolean): Uint32Array {
  const keys = sortable(values, descending);
  let order = Uint32Array.from(keys, (_, i) => i);
  let next = new Uint32Array(order.length);
  // By digits, lowest first, each pass stable: 6 ms for 100,000 latents, where a comparison takes 100.
  for (let shift = 0; shift < 32; shift += DIGIT) {
    const start = new Uint32Array(SIZE + 1);
    for (const key of keys) start[((key >>> shift) & (SIZE - 1)) + 1]!++;
    for (let digit = 0; digit < SIZE; digit++) start[digit + 1]! += start[digit]!;
    for (const i of order) next[start[(keys[i]! >>> shift) & (SIZE - 1)]!++] = i;
    [order, next] = [next, order];
  }
  return order;
}

/** Whole numbers in the order of the values: a float's bits, turned round below zero. */
function sortable(values: Values, descending: boolean): Uint32Array {
  const keys = Uint32Array.from(values);
  if (values instanceof Float32Array) {
    const bits = new Uint32Array(Float32Array.from(values, (value) => value + 0).buffer); // -0 becomes 0
    for (let i = 0; i < keys.length; i++) keys[i] = bits[i]! & 0x80000000 ? ~bits[i]! : bits[i]! | 0x80000000;
  }
  for (let i = 0; i < keys.length; i++) {
    if (descending) keys[i] = ~keys[i]!;
    if (Number.isNaN(values[i])) keys[i] = LAST;
  }
  return keys;
}

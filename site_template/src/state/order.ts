import type { Values } from "./columns.ts";

const DIGIT = 11;
const SIZE = 1 << DIGIT;
const LAST = 0xffffffff;

/** The latents by a column. Ties keep the order of the dictionary; what is no number comes last either way. */
export function orderOf(values: Values, descending: boolean): Uint32Array {
  const keys = sortable(values, descending);
  let order = new Uint32Array(keys.length).map((_, i) => i);
  let next = new Uint32Array(keys.length);
  // By digits, lowest first, each pass stable: a tenth of the time that comparing takes.
  for (let shift = 0; shift < 32; shift += DIGIT) {
    const start = new Uint32Array(SIZE + 1);
    for (let i = 0; i < keys.length; i++) start[((keys[i]! >>> shift) & (SIZE - 1)) + 1]!++;
    for (let digit = 0; digit < SIZE; digit++) start[digit + 1]! += start[digit]!;
    for (let i = 0; i < keys.length; i++) {
      const latent = order[i]!;
      next[start[(keys[latent]! >>> shift) & (SIZE - 1)]!++] = latent;
    }
    [order, next] = [next, order];
  }
  return order;
}

/** Whole numbers in the order of the values: a float's bits, turned round below zero. */
function sortable(values: Values, descending: boolean): Uint32Array {
  const keys = values instanceof Uint32Array ? values.slice() : bitsOf(values);
  for (let i = 0; i < keys.length; i++) {
    if (descending) keys[i] = ~keys[i]!;
    if (Number.isNaN(values[i])) keys[i] = LAST;
  }
  return keys;
}

function bitsOf(values: Float32Array): Uint32Array {
  const floats = values.slice();
  for (let i = 0; i < floats.length; i++) floats[i]! += 0; // -0 becomes 0
  const bits = new Uint32Array(floats.buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = bits[i]! & 0x80000000 ? ~bits[i]! : bits[i]! | 0x80000000;
  return bits;
}

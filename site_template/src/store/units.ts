import type { Address } from "../state/address.ts";

/** Units numbered through all dictionaries, as an index's attributes tell. */
export class Units {
  readonly #dictionaries: readonly string[];
  readonly #first: readonly number[];

  constructor(attributes: Record<string, unknown>) {
    this.#dictionaries = attributes["dictionaries"] as string[];
    this.#first = attributes["first_units"] as number[];
  }

  address(unit: number): Address {
    const number = this.#first.findLastIndex((first) => first <= unit);
    return { dictionary: this.#dictionaries[number] ?? "", index: unit - (this.#first[number] ?? 0) };
  }

  unit({ dictionary, index }: Address): number {
    return (this.#first[this.#dictionaries.indexOf(dictionary)] ?? 0) + index;
  }
}

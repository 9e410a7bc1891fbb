/** One latent: `<dictionary>/<index>`. */
export interface Address {
  dictionary: string;
  index: number;
}

export function parseAddress(text: string): Address | null {
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]*)\/(0|[1-9][0-9]{0,9})$/.exec(text.trim());
  return match?.[1] === undefined ? null : { dictionary: match[1], index: Number(match[2]) };
}

export function formatAddress({ dictionary, index }: Address): string {
  return `${dictionary}/${index}`;
}

/** Numbers as text: three significant digits, and a true minus sign. */
const COUNT = new Intl.NumberFormat("en");

/** Powers of ten only where digits would be lost. */
export function number(value: number): string {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace("e+", "e").replaceAll("-", "−");
  const text = size >= 1000 ? COUNT.format(Math.round(value)) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

/** A score around 0 to 1: what is below a thousandth is nothing. */
export function score(value: number): string {
  return number(Math.round(value * 1000) / 1000);
}

export function count(value: number): string {
  return COUNT.format(value);
}

export function percent(share: number): string {
  return `${number(share * 100)} %`;
}

/** A number of bytes for people who wait. */
export function bytes(value: number): string {
  return value < 1 << 20 ? `${count(Math.ceil(value / 1024))} KiB` : `${(value / (1 << 20)).toFixed(1)} MiB`;
}

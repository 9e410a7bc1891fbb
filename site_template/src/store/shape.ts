/** Whether JSON of unknown origin has the form that is read of it. */

/** An example of what is wanted: of an array its first element stands for all. */
export type Shape = string | number | boolean | readonly [Shape] | { readonly [name: string]: Shape };

/** The first place where a value is not as its example, as `dictionaries[0].id`; null if it fits. */
export function misfit(value: unknown, shape: Shape, path = ""): string | null {
  if (isArray(shape)) {
    if (!Array.isArray(value)) return path;
    return first(value.map((each, i) => misfit(each, shape[0], `${path}[${i}]`)));
  }
  if (typeof shape !== "object") return typeof value === typeof shape ? null : path;
  if (typeof value !== "object" || value === null) return path;
  const fields = value as Record<string, unknown>;
  return first(Object.entries(shape).map(([name, each]) => misfit(fields[name], each, path === "" ? name : `${path}.${name}`)));
}

function isArray(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function first(found: (string | null)[]): string | null {
  return found.find((path) => path !== null) ?? null;
}

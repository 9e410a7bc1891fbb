/** A list of latents and heads, and its forms: in a URL, as JSON, as CSV. */
import { AtlasError } from "../store/errors.ts";
import { formatAddress, parseAddress } from "./address.ts";

export interface Item {
  address: string;
  /** Plain text. */
  note: string;
}

export interface List {
  title: string;
  /** The run that the addresses are of; null if nobody said. Indices of another build are other latents. */
  run: string | null;
  items: readonly Item[];
}

export const EMPTY: List = { title: "", run: null, items: [] };
/** More than anybody walks through, and than a page should read. */
const MOST = 500;
const FORMAT = "feature-atlas-list";
const FILE = "A list is a .json or .csv file that a page like this one exported: a table of address,note";

/** Addresses by dictionary, as long as the order allows: `mlp_post.2/17,42;attn.2/1`. */
export function packAddresses(addresses: readonly string[]): string {
  const groups: { dictionary: string; indexes: number[] }[] = [];
  for (const address of addresses.map(parseAddress)) {
    if (address === null) continue;
    const last = groups.at(-1);
    if (last?.dictionary === address.dictionary) last.indexes.push(address.index);
    else groups.push({ dictionary: address.dictionary, indexes: [address.index] });
  }
  return groups.map(({ dictionary, indexes }) => `${dictionary}/${indexes.join()}`).join(";");
}

export function unpackAddresses(text: string): string[] {
  return text
    .split(";")
    .filter((group) => group !== "")
    .flatMap((group) => {
      const [dictionary = "", indexes = ""] = group.split("/");
      return indexes.split(",").map((index) => `${dictionary}/${index}`);
    });
}

/** The list as a query: `items=…&run=…&title=…`, and of the n-th item `note<n>=…` if it has one. */
export function listQuery({ title, run, items }: List): string {
  const rest = new URLSearchParams();
  if (run !== null) rest.set("run", run);
  if (title !== "") rest.set("title", title);
  for (const [i, { note }] of items.entries()) if (note !== "") rest.set(`note${i + 1}`, note);
  const packed = `items=${packAddresses(items.map(({ address }) => address))}`;
  return rest.size === 0 ? packed : `${packed}&${rest}`;
}

/** The list that a query holds; null if it holds none. Raises AtlasError if it is not well formed. */
export function readListQuery(query: URLSearchParams): List | null {
  const packed = query.get("items");
  if (packed === null) return null;
  const items = unpackAddresses(packed).map((address, i) => ({ address, note: query.get(`note${i + 1}`) ?? "" }));
  return checked({ title: query.get("title") ?? "", run: query.get("run"), items }, "The link may have been cut short: ask for it again, or for the list as a file");
}

/** One's own list and, after it, what another has beyond it; one's own notes and title stay. */
export function merged(own: List, other: List): List {
  const notes = new Map(other.items.map(({ address, note }) => [address, note]));
  const known = new Set(own.items.map(({ address }) => address));
  const kept = own.items.map((item) => ({ ...item, note: item.note || (notes.get(item.address) ?? "") }));
  return {
    title: own.title || other.title,
    run: own.items.length > 0 ? own.run : other.run,
    items: [...kept, ...other.items.filter(({ address }) => !known.has(address))].slice(0, MOST),
  };
}

export function toJson({ title, run, items }: List, atlas: string): string {
  return `${JSON.stringify({ format: FORMAT, format_version: 1, atlas, run, title, items }, null, 2)}\n`;
}

export function toCsv({ items }: List): string {
  return [["address", "note"], ...items.map(({ address, note }) => [address, guarded(note)])].map(csvRow).join("");
}

export function csvRow(cells: readonly (string | number)[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : cell)).join()}\r\n`;
}

/** A list from a file. Raises AtlasError, with one line, for what is none. */
export function readFile(name: string, text: string): List {
  const json = /^\s*[{[]/.test(text);
  try {
    return checked(json ? fromJson(text) : fromCsv(text), FILE);
  } catch (error) {
    if (error instanceof AtlasError) throw new AtlasError(`${name}: ${error.message}`, error.remedy);
    throw new AtlasError(`${name} is cut short or not a list`, FILE, { cause: error });
  }
}

function fromJson(text: string): List {
  const { format, title, run, items } = JSON.parse(text) as Record<string, unknown>;
  if (format !== FORMAT || !Array.isArray(items)) throw new AtlasError("this is JSON, but not a list", FILE);
  const item = (each: unknown): Item => {
    const { address, note } = (each ?? {}) as Record<string, unknown>;
    return { address: String(address), note: typeof note === "string" ? note : "" };
  };
  return { title: typeof title === "string" ? title : "", run: typeof run === "string" ? run : null, items: items.map(item) };
}

function fromCsv(text: string): List {
  const [head, ...rows] = csvCells(text.replace(/^\ufeff/, ""));
  if (head?.[0] !== "address") throw new AtlasError("its first line is not address,note", FILE);
  return { ...EMPTY, items: rows.map(([address = "", note = ""]) => ({ address, note: note.replace(/^'(?=[=+\-@\t])/, "") })) };
}

/** Rows of cells; a quote that is not closed is an error. */
function csvCells(text: string): string[][] {
  const rows: string[][] = [[]];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (found === null) throw new AtlasError(`line ${rows.length} of it is no line of a table`, FILE);
    rows.at(-1)?.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
    if (found[3] === "") break;
    if (found[3] !== ",") rows.push([]);
  }
  return rows.filter((row) => row.length > 0);
}

/** Spreadsheets run what begins like a formula. */
function guarded(note: string): string {
  return /^[=+\-@\t]/.test(note) ? `'${note}` : note;
}

function checked(list: List, remedy: string): List {
  const items = new Map<string, Item>();
  for (const { address, note } of list.items) {
    const parsed = parseAddress(address);
    if (parsed === null) throw new AtlasError(`“${address}” in the list is no address`, remedy);
    const name = formatAddress(parsed);
    if (!items.has(name)) items.set(name, { address: name, note });
  }
  if (items.size > MOST) throw new AtlasError(`the list holds ${items.size} items; a list may hold ${MOST}`, "Split it");
  return { ...list, items: [...items.values()] };
}

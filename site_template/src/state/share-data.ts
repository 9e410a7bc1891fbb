/** A latent or a head as data: JSON of all that is known, and its examples as a table. */
import { readConfig } from "../config.ts";
import { textOf } from "../draw/glyphs.ts";
import type { Atlas, Vocabulary } from "../store/atlas.ts";
import { EXCERPT } from "../store/schema.gen.ts";
import { openHead } from "./opened-head.ts";
import { openLatent } from "./opened.ts";
import { csvRow } from "./starred.ts";
import { tabsOf } from "./tabs.ts";

interface Example {
  section: string;
  document: number;
  document_id: string;
  /** Of its first token in the document. */
  start: number;
  token_ids: number[];
  tokens: string[];
}

interface LatentExample extends Example {
  activation: number;
  peak: number;
  activations: number[];
}

interface HeadExample extends Example {
  query: number;
  key: number;
  attention: number;
  write_norm: number;
}

type Fields = Record<string, ArrayLike<number>>;

export async function latentJson(address: string): Promise<string> {
  const { opened, examples } = await latentExamples(address);
  const { floats, ints, labels } = opened.latent;
  return text(opened.atlas, address, { labels, ...told(floats), ...told(ints), examples });
}

export async function headJson(address: string): Promise<string> {
  const { opened, examples } = await headExamples(address);
  return text(opened.atlas, address, { ...told(opened.head.floats), ...told(opened.head.ints), examples });
}

/** A row for each token. Tokens and names are JSON strings: nothing in them is lost, and no spreadsheet runs them. */
export async function latentTable(address: string): Promise<string> {
  const { examples } = await latentExamples(address);
  const rows = examples.flatMap((each, n) => each.tokens.map((_, i) => [...cells(address, each, n, i), i === each.peak ? "peak" : "", each.activations[i] ?? 0]));
  return [[...HEAD, "is", "activation"], ...rows].map(csvRow).join("");
}

export async function headTable(address: string): Promise<string> {
  const { examples } = await headExamples(address);
  const is = ({ query, key }: HeadExample, i: number) => [i === query && "query", i === key && "key"].filter(Boolean).join(" ");
  const rows = examples.flatMap((each, n) => each.tokens.map((_, i) => [...cells(address, each, n, i), is(each, i), each.attention, each.write_norm]));
  return [[...HEAD, "is", "attention", "write_norm"], ...rows].map(csvRow).join("");
}

const HEAD = ["address", "section", "example", "document", "document_id", "position", "token_id", "token"];

function cells(address: string, { section, document, document_id, start, token_ids, tokens }: Example, n: number, i: number): (string | number)[] {
  return [address, section, n, document, JSON.stringify(document_id), start + i, token_ids[i] ?? 0, JSON.stringify(tokens[i] ?? "")];
}

async function latentExamples(address: string) {
  const { atlas, root } = readConfig();
  const opened = await openLatent(atlas, root, address, new AbortController().signal);
  const { floats, ints, tokens, acts } = opened.latent;
  const rows = tabsOf(opened.latent, opened.dictionary).flatMap(({ id, rows }) => rows.map((row) => ({ id, row })));
  const examples = rows.map(async ({ id, row }): Promise<LatentExample> => {
    const at = row * EXCERPT;
    const to = at + (ints.example_length[row] ?? 0);
    const peak = ints.example_peak[row] ?? 0;
    return {
      ...(await example(opened.atlas, opened.vocabulary, id, ints.example_document[row], (ints.example_position[row] ?? 0) - peak, tokens.subarray(at, to))),
      activation: floats.example_activation[row] ?? 0,
      peak,
      activations: Array.from(acts.subarray(at, to), (step) => step * (floats.example_scale[row] ?? 0)),
    };
  });
  return { opened, examples: await Promise.all(examples) };
}

async function headExamples(address: string) {
  const { atlas, root } = readConfig();
  const opened = await openHead(atlas, root, address, new AbortController().signal);
  const { heads, head } = opened;
  const { floats, ints } = head;
  const rows = Object.entries(heads.sections).flatMap(([id, [from, to]]) => Array.from({ length: to - from }, (_, i) => ({ id, row: from + i })));
  const filled = rows.filter(({ row }) => (ints.example_length[row] ?? 0) > 0);
  const examples = filled.map(async ({ id, row }): Promise<HeadExample> => {
    // The position told is that of the window's first counted token; what stands before it has the one before.
    const types = (await heads.tokens(head, row)).subarray(0, ints.example_length[row]);
    return {
      ...(await example(opened.atlas, opened.vocabulary, id, ints.example_document[row], (ints.example_position[row] ?? 0) - 1, types)),
      query: ints.example_query[row] ?? 0,
      key: ints.example_key[row] ?? 0,
      attention: floats.example_pattern[row] ?? 0,
      write_norm: floats.example_write[row] ?? 0,
    };
  });
  return { opened, examples: await Promise.all(examples) };
}

async function example(atlas: Atlas, vocabulary: Vocabulary, section: string, document = 0, start: number, types: ArrayLike<number>): Promise<Example> {
  const token_ids = Array.from(types);
  const documents = await atlas.documents();
  return { section, document, document_id: await documents.id(document), start, token_ids, tokens: token_ids.map((type) => textOf(vocabulary, type)) };
}

/** The card's fields by the contract's names, but for those that the examples tell. */
function told(fields: Fields): Record<string, number | number[]> {
  const entries = Object.entries(fields).filter(([name]) => !name.startsWith("example_"));
  return Object.fromEntries(entries.map(([name, values]) => [name, values.length === 1 ? (values[0] ?? 0) : Array.from(values)]));
}

function text(atlas: Atlas, address: string, what: object): string {
  return JSON.stringify({ address, atlas: new URL(atlas.url, location.href).href, run: atlas.manifest.run, ...what }, null, 1);
}

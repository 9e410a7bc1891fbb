import { useState } from "preact/hooks";
import { type List, readFile, toCsv, toJson } from "../state/starred.ts";
import { asAtlasError } from "../store/errors.ts";

/** Larger than any list of 500 with long notes. */
const LARGEST = 1 << 20;

/** Hands a text to the browser to be saved. */
export function download(name: string, type: string, content: BlobPart): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name.replace(/[^\w.-]+/g, "-");
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Saves a list, and takes one in. */
export function ListFiles({ list, atlas, onImport }: { list: List; atlas: string; onImport: (list: List) => void }) {
  const [wrong, setWrong] = useState("");
  const read = async (file: File | undefined) => {
    setWrong("");
    if (file === undefined) return;
    try {
      if (file.size > LARGEST) throw new Error(`${file.name} is too large for a list`);
      onImport(readFile(file.name, await file.text()));
    } catch (error) {
      const { message, remedy } = asAtlasError(error);
      setWrong(`${message}. ${remedy}`);
    }
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    void read(event.dataTransfer?.files[0]);
  };
  const name = list.title || "list";
  return (
    <div class="list-files" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <button type="button" disabled={list.items.length === 0} onClick={() => download(`${name}.json`, "application/json", toJson(list, new URL(atlas, location.href).href))}>
        save as JSON
      </button>
      <button type="button" disabled={list.items.length === 0} onClick={() => download(`${name}.csv`, "text/csv", toCsv(list))}>
        save as CSV
      </button>
      <label class="button">
        add from a file, or drop one here
        <input
          type="file"
          accept=".json,.csv,application/json,text/csv"
          onChange={(event) => {
            void read(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </label>
      {wrong !== "" && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
    </div>
  );
}

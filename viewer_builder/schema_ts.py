"""The contract as TypeScript: `python -m viewer_builder.schema_ts` rewrites `schema.gen.ts`."""

from __future__ import annotations

import json
from pathlib import Path

import site_template
from feature_atlas import contract
from feature_atlas.contract import FLOATS, INTS, Field

PATH = Path(site_template.__file__).parent / "src" / "store" / "schema.gen.ts"

_CONSTANTS = (
    "FORMAT",
    "FORMAT_VERSION",
    "EXCERPT",
    "SNIPPETS",
    "SNIPPET",
    "NO_TOKEN",
    "N_BANDS",
    "PER_BAND",
    "BINS_PER_OCTAVE",
    "FIRST_OCTAVE",
    "LAST_OCTAVE",
    "N_BINS",
    "PREVIEW_CHUNK",
)


def schema() -> str:
    """Constants of the format, names of the cards' fields, and a line on each."""
    lines = ["// Made from feature_atlas/contract.py by: python -m viewer_builder.schema_ts", ""]
    lines += [f"export const {name} = {json.dumps(getattr(contract, name))};" for name in _CONSTANTS]
    lines += ["", *_names("FloatField", FLOATS), *_names("IntField", INTS), *_docs()]
    return "\n".join(lines) + "\n"


def _names(name: str, fields: tuple[Field, ...]) -> list[str]:
    return [f"export type {name} =", *(f'  | "{field.name}"' for field in fields), ";", ""]


def _docs() -> list[str]:
    lines = ["export const DOCS: Record<FloatField | IntField, string> = {"]
    lines += [f"  {field.name}: {json.dumps(field.doc)}," for field in (*FLOATS, *INTS)]
    return [*lines, "};"]


if __name__ == "__main__":
    PATH.write_text(schema())

"""The contract as TypeScript: `python -m viewer_builder.schema_ts` rewrites `schema.gen.ts`."""

from __future__ import annotations

import json
from pathlib import Path

import site_template
from feature_atlas import contract
from feature_atlas.comparison import COMPARISON
from feature_atlas.contract import (
    CORPUS,
    DICTIONARY,
    FLOATS,
    HEAD_FLOATS,
    HEAD_INTS,
    HEADS,
    INTS,
    LABELS,
    MAP,
    METRICS,
    SEARCH,
    TOKENS,
    VOCABULARY,
    Field,
)

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
    "PREVIEW_CHUNK",
    "N_KEYS",
    "ATTENTION_STEPS",
    "ATTENTION_BINS",
    "N_EFFECTS",
    "N_MOVED",
    "N_LATER",
    "LABEL_PARTS",
    "N_UNITS",
    "N_POSTINGS",
    "TOKEN_CHUNK",
    "WORD_CHUNK",
    "WORD_LENGTH",
    "POSTING_CHUNK",
    "SAID_CHUNK",
    "SOURCES",
    "NO_TYPE",
)


def schema() -> str:
    """Constants, arrays, statistics and fields of the format, with a line of meaning on each field."""
    groups = (DICTIONARY, LABELS, MAP, HEADS, CORPUS, VOCABULARY, TOKENS, SEARCH, COMPARISON)
    arrays = {spec.path: spec for group in groups for spec in group}
    stats = [path.removeprefix("stats/") for path in arrays if path.startswith("stats/")]
    blocks = [
        ["// Made from feature_atlas/contract.py by: python -m viewer_builder.schema_ts"],
        [f"export const {name} = {json.dumps(getattr(contract, name))};" for name in _CONSTANTS],
        _object(
            "ARRAYS", {path: _array(spec.dims, spec.dtype) for path, spec in arrays.items()}, " as const"
        ),
        ["export type ArrayPath = keyof typeof ARRAYS;"],
        _union("Stat", stats),
        _union("FloatField", [field.name for field in FLOATS]),
        _union("IntField", [field.name for field in INTS]),
        _union("HeadFloat", [field.name for field in HEAD_FLOATS]),
        _union("HeadInt", [field.name for field in HEAD_INTS]),
        _union("Metric", [field.name for field in METRICS]),
        _object("DOCS", _docs((*FLOATS, *INTS))),
        _object("HEAD_DOCS", _docs((*HEAD_FLOATS, *HEAD_INTS))),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _docs(fields: tuple[Field, ...]) -> dict[str, str]:
    return {field.name: json.dumps(field.doc) for field in fields}


def _array(dims: tuple[str, ...], dtype: str) -> str:
    return f'{{ dims: {json.dumps(dims)}, dtype: "{dtype}" }}'


def _union(name: str, members: list[str]) -> list[str]:
    return [f"export type {name} =", *(f'  | "{member}"' for member in members), "  ;"]


def _object(name: str, entries: dict[str, str], suffix: str = "") -> list[str]:
    lines = [f'  "{key}": {value},' for key, value in entries.items()]
    return [f"export const {name} = {{", *lines, f"}}{suffix};"]


if __name__ == "__main__":
    PATH.write_text(schema())

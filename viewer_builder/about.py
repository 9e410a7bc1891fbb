"""What the about page says: every number's meaning, and where all of it came from."""

from __future__ import annotations

from typing import Any, cast

from feature_atlas import Atlas
from feature_atlas.contract import FLOATS, HEAD_FLOATS, HEAD_INTS, INTS, METRICS, STATS
from viewer_builder.quality import definitions


def about(atlas: Atlas) -> dict[str, Any]:
    """The contract's own definitions, and the manifest as tables."""
    manifest = atlas.manifest
    card = (*HEAD_FLOATS, *HEAD_INTS)
    fields = [(field.name, field.doc) for field in (*FLOATS, *INTS)]
    return {
        "statistics": [(name, doc) for name, doc in fields if name in STATS or name == "firings"],
        "fields": [(name, doc) for name, doc in fields if name not in STATS and name != "firings"],
        "scores": [(field.name, field.doc) for field in METRICS],
        "head_fields": [(field.name, field.doc) for field in card if field not in METRICS],
        "quality": definitions(),
        "has_quality": any(record.quality for record in manifest.dictionaries),
        "tables": [
            ("Subject model", _rows(manifest.model.model_dump())),
            ("Corpus", _rows(manifest.corpus.model_dump(exclude={"terms"}))),
            ("Windows", _rows(manifest.windowing.model_dump())),
            ("Build", _build(atlas)),
        ],
        "first": manifest.dictionaries[0].id if manifest.dictionaries else None,
    }


def _build(atlas: Atlas) -> list[tuple[str, str]]:
    manifest = atlas.manifest
    weights = [
        (f"dictionary {record.id}", f"{record.source}, weights {record.weights[:16]}…")
        for record in manifest.dictionaries
        if record.kind != "neurons"
    ]
    fixed = {"run": manifest.run, "built": manifest.created, "format version": manifest.format_version}
    return [*_rows(fixed | manifest.provenance), *weights]


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _text(value)) for name, value in values.items()]


def _text(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(_text, cast(tuple[Any, ...], value)))
    return f"{value:,}" if isinstance(value, int) else str(value)

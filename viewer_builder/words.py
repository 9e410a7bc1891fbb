"""Numbers and records in words, the same on every page."""

from __future__ import annotations

from feature_atlas.manifest import DictionaryRecord


def units_of(record: DictionaryRecord) -> str:
    """What the units of a dictionary are called."""
    return "neurons" if record.kind == "neurons" else "latents"


def dead_of(record: DictionaryRecord) -> int:
    """Units that never fired."""
    return record.n_latents - record.alive

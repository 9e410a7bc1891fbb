"""Numbers and records in words, the same on every page."""

from __future__ import annotations

from feature_atlas.manifest import DictionaryRecord


def units_of(record: DictionaryRecord) -> str:
    """What the units of a dictionary are called."""
    return "neurons" if record.kind == "neurons" else "latents"


def kind_of(record: DictionaryRecord) -> str:
    """Architecture, with k where it has one."""
    return record.architecture + (f", k = {record.k}" if record.k else "")


def dead_of(record: DictionaryRecord) -> int:
    """Units that never fired."""
    return record.n_latents - record.alive

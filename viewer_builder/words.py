"""Numbers and records in words, the same on every page."""

from __future__ import annotations

from feature_atlas.manifest import DictionaryRecord


def units_of(record: DictionaryRecord) -> str:
    """What the units of a dictionary are called."""
    return "neurons" if record.kind == "neurons" else "latents"


def kind_of(record: DictionaryRecord) -> str:
    """Architecture, with k where it has one."""
    return record.architecture + (f", k = {record.k}" if record.k else "")


_PROCESSING = {
    "centre_writes": "its writes centred",
    "fold_norms": "its norms folded into the weights",
    "fold_value_biases": "its values' biases folded into the weights",
}


def reading_of(record: DictionaryRecord) -> list[str]:
    """Whose files a dictionary was read from, and what is between its formula and the plain one."""
    told = [f"from {record.family} files"] if record.family not in ("", "model") else []
    if record.normalization != "none":
        told.append(f"inputs normalised ({record.normalization})")
    if record.folded:
        told.append(f"{' and '.join(record.folded)} folded in")
    if record.processing:
        told.append(f"trained on the model with {', '.join(_PROCESSING[name] for name in record.processing)}")
    return told


def dead_of(record: DictionaryRecord) -> int:
    """Units that never fired."""
    return record.n_latents - record.alive

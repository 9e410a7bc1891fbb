"""How good a dictionary is, in figures with their meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from feature_atlas.manifest import QualityRecord
from viewer_builder.bars import bars

RECOVERED = "(ce_mean_ablated - ce_spliced) / (ce_mean_ablated - ce): 1 loses nothing, 0 as much as the mean"


@dataclass(frozen=True)
class Figure:
    """A number as shown, what it is called, its field, and what it means."""

    value: str
    name: str
    field: str
    doc: str


def quality(record: QualityRecord) -> dict[str, Any]:
    """Figures, the spread of densities, and what they were measured on."""
    return {
        "figures": [
            _figure("l0", "fire at a token", f"{record.l0:.1f}"),
            _figure("dead", "dead", _percent(record.dead)),
            _figure("fvu", "FVU", f"{record.fvu:.3f}"),
            _figure("fvu_per_position", "FVU per position", f"{record.fvu_per_position:.3f}"),
            Figure(_percent(record.ce_recovered), "CE recovered", "ce_recovered", RECOVERED),
            _figure("ce_spliced", "CE spliced", f"{record.ce_spliced:.3f}"),
            _figure("ce", "CE", f"{record.ce:.3f}"),
            _figure("ce_mean_ablated", "CE mean-ablated", f"{record.ce_mean_ablated:.3f}"),
        ],
        "n_tokens": f"{record.n_tokens:,}",
        "n_spliced": f"{record.n_spliced:,}",
        "text": record.text,
        "bars": bars(record.density_histogram),
    }


def definitions() -> list[tuple[str, str]]:
    """Every number of a quality record and its meaning, for the about page."""
    fields = QualityRecord.model_fields.items()
    told = [(name, field.description or "") for name, field in fields if name not in ("text", "n_tokens")]
    return [*told, ("ce_recovered", RECOVERED)]


def _figure(field: str, name: str, value: str) -> Figure:
    return Figure(value, name, field, QualityRecord.model_fields[field].description or "")


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"

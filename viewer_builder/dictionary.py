"""What a dictionary's page holds before its script runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from feature_atlas import Dictionary
from viewer_builder.quality import quality
from viewer_builder.render import script_json
from viewer_builder.site import Site
from viewer_builder.spreads import spreads
from viewer_builder.strips import alone
from viewer_builder.words import dead_of, kind_of, reading_of, units_of

SHOWN = 20
DENSITY = "stats/density/c/0"


def dictionary(site: Site, opened: Dictionary) -> dict[str, Any]:
    """A line of summary, the most concentrated latents as a table, and the script's configuration."""
    record = opened.record
    concentration = opened.stat("concentration")
    best = np.argsort(-concentration, kind="stable")[:SHOWN].tolist()
    return {
        "record": record,
        "summary": _summary(site, opened),
        "quality": quality(record.quality) if record.quality else None,
        "rows": [_row(site, opened, index) for index in best if concentration[index] > 0],
        "config": site.config("../", "dictionary", record.id),
        "spreads": script_json(spreads(opened)),
        "early": [f"{_store(site, opened)}/{path}" for path in _early(opened)],
    }


def _early(opened: Dictionary) -> list[str]:
    """What every list reads first, to be fetched while the script still is; a column of zeros is no file."""
    return ["zarr.json"] + ([DENSITY] if DENSITY in opened.group.shard_sizes else [])


def _store(site: Site, opened: Dictionary) -> str:
    return f"{site.atlas_url('../')}/{site.atlas.manifest.run_path}/{opened.record.store}"


def _summary(site: Site, opened: Dictionary) -> str:
    record = opened.record
    counted = site.atlas.manifest.windowing.counted_tokens
    return " · ".join(
        [
            f"{record.n_latents:,} {units_of(record)}",
            f"read at {record.hook_in}"
            + (f", written to {record.hook_out}" if record.hook_out != record.hook_in else ""),
            kind_of(record),
            *reading_of(record),
            f"on average {opened.stat('density').sum():,.1f} fire at a token",
            f"{dead_of(record):,} never fired on {counted:,} tokens",
        ]
    )


def _row(site: Site, opened: Dictionary, index: int) -> dict[str, str]:
    address = f"{opened.record.id}/{index}"
    return {
        "address": address,
        "path": site.latent_path(address),
        "token": alone(site.atlas.vocabulary[int(opened.stat("top_token")[index])]),
        "density": f"{opened.stat('density')[index]:.3%}",
        "max": f"{opened.stat('max')[index]:.3g}",
        "concentration": f"{opened.stat('concentration')[index]:.1%}",
    }

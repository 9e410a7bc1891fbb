"""What the pages of a comparison hold before their script runs, and where its files lie beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_atlas import Atlas
from feature_atlas.comparison import KINDS, Comparison, PairRecord, open_comparison
from feature_atlas.errors import InputError
from viewer_builder.render import Page, script_json
from viewer_builder.site import Site

SHOWN = {"a": "A", "b": "B"}


@dataclass(frozen=True)
class Beside:
    """An atlas that this site has no pages of, but whose latents are laid beside its own."""

    atlas: Atlas

    @property
    def path(self) -> str:
        """Where it lies, from the site's root."""
        return f"beside/{self.atlas.manifest.run}"


def open_comparisons(atlas: Atlas, urls: Sequence[str]) -> list[Comparison]:
    """Raises InputError if one does not speak of the atlas, or two speak of the same dictionaries."""
    found = [open_comparison(url) for url in urls]
    for each in found:
        if not runs_of(atlas) & {*each.record.a.runs, *each.record.b.runs}:
            raise InputError(
                f"{each.url} compares run {each.record.a.runs[0]} and run {each.record.b.runs[0]}, neither of"
                f" which is that of {atlas.url} ({atlas.manifest.run}): compare again, atlas compare"
            )
    names = [pair.name for each in found for pair in each.record.pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"two comparisons are of {twice[0].replace('~', ' and ')}: give one of them")
    return found


def runs_of(atlas: Atlas) -> set[str]:
    """The names of an atlas's run: labels make a new one of the same latents."""
    return {name for name in (atlas.manifest.run, atlas.manifest.labelled_from) if name}


def store_path(comparison: Comparison) -> str:
    """Where a comparison's files lie, from the site's root."""
    return f"comparisons/{comparison.record.key[:16]}"


def comparison_path(pair: PairRecord) -> str:
    """Path of a pair's page, from the site's root."""
    return f"comparison/{pair.name}.html"


def comparison_pages(
    site: Site, comparisons: Sequence[Comparison], beside: Sequence[Beside]
) -> Mapping[str, Page]:
    """A page of each pair of dictionaries."""
    return {
        comparison_path(pair): Page(
            "comparison.html",
            site.shell("../", comparison_path(pair)) | _values(site, comparison, pair, beside),
        )
        for comparison in comparisons
        for pair in comparison.record.pairs
    }


def place_comparison(comparison: Comparison) -> dict[str, bytes]:
    """Its files, by their path from the site's root."""
    folder = Path(comparison.url)
    return {
        f"{store_path(comparison)}/{name}": (folder / name).read_bytes() for name in comparison.record.files
    }


def _values(site: Site, comparison: Comparison, pair: PairRecord, beside: Sequence[Beside]) -> dict[str, Any]:
    record = comparison.record
    atlases = {side: _atlas(site, getattr(record, side).runs, beside) for side in SHOWN}
    told = {
        side: {"id": getattr(pair, side).id, "n": getattr(pair, side).n_latents, "atlas": atlases[side]}
        for side in SHOWN
    }
    return {
        "pair": pair,
        "record": record,
        "one": comparison.of_one_atlas,
        "counts": {
            side: [{"kind": kind, "n": f"{getattr(pair, f'kinds_{side}')[kind]:,}"} for kind in KINDS[side]]
            for side in SHOWN
        },
        "config": site.config("../", "comparison", None),
        "comparison": script_json(
            {
                **told,
                "store": f"../{store_path(comparison)}/{pair.store}",
                "threshold": record.threshold,
                "correlated": record.read is not None,
            }
        ),
    }


def _atlas(site: Site, runs: Sequence[str], beside: Sequence[Beside]) -> str | None:
    """Where a side's atlas is, from the site's root: empty for the site's own, None if nowhere."""
    if runs_of(site.atlas) & set(runs):
        return ""
    return next((each.path for each in beside if runs_of(each.atlas) & set(runs)), None)

"""From an atlas to a folder that any static host can serve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feature_atlas import open_atlas
from feature_atlas.errors import InputError
from feature_atlas.store import is_url
from viewer_builder.comparison import (
    Beside,
    comparison_pages,
    comparison_path,
    open_comparisons,
    place_comparison,
)
from viewer_builder.pages import pages
from viewer_builder.render import render
from viewer_builder.site import Site
from viewer_builder.write import place_run, read_assets, remove_others, switch_manifest, write_files


def build_site(
    atlas_url: str,
    out: Path,
    *,
    link: str | None,
    comparisons: Sequence[str] = (),
    beside: Sequence[str] = (),
) -> None:
    """Renders the site of an atlas into `out`, with the atlas itself in `out/atlas`.

    With `link` (a URL, or a path relative to the site) the site reads the atlas from there instead.
    Each of `comparisons` gets a page for each pair of dictionaries; the atlases of `beside` are placed in
    the site, so that their latents can be laid beside this one's.

    Raises InputError if a remote atlas has no link, FormatError if there is no atlas.
    """
    if is_url(atlas_url) and link is None:
        raise InputError(
            f"{atlas_url} is not a folder: say where the site shall read it, e.g. --link {atlas_url}"
        )
    atlas = open_atlas(atlas_url)
    assets = read_assets()
    compared, others = open_comparisons(atlas, comparisons), [Beside(open_atlas(url)) for url in beside]
    menu = (
        {"id": f"{p.a.id} ↔ {p.b.id}", "path": comparison_path(p)} for c in compared for p in c.record.pairs
    )
    site = Site(atlas, link, assets, tuple(menu))
    found = {**pages(site), **comparison_pages(site, compared, others)}
    rendered = {path: render(page).encode() for path, page in found.items()}
    if link is None:
        place_run(Path(atlas_url), out / "atlas", atlas.manifest)
    write_files(out, {f"assets/{name}": data for name, data in assets.items()})
    for each in others:
        place_run(Path(each.atlas.url), out / each.path, each.atlas.manifest)
        switch_manifest(Path(each.atlas.url), out / each.path, each.atlas.manifest)
    for each in compared:
        write_files(out, place_comparison(each))
    write_files(out, rendered)
    for folder in ("dictionary", "heads", "comparison"):
        remove_others(out / folder, {Path(path).name for path in rendered})
    if link is None:
        switch_manifest(Path(atlas_url), out / "atlas", atlas.manifest)

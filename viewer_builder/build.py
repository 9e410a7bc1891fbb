"""From an atlas to a folder that any static host can serve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feature_atlas import Atlas, open_atlas
from feature_atlas.errors import InputError
from feature_atlas.exclude import read_excluded
from feature_atlas.manifest import MANIFEST, PINNED, parse_manifest
from feature_atlas.store import is_url, read_bytes
from feature_atlas.urls import check_url, public
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
from viewer_builder.write import (
    place_excluded,
    place_manifest,
    place_run,
    read_assets,
    remove_folders,
    remove_others,
    switch_manifest,
    write_files,
)


def build_site(
    atlas_url: str,
    out: Path,
    *,
    link: str | None,
    exclude: Path | None = None,
    comparisons: Sequence[str] = (),
    others: Sequence[str] = (),
) -> None:
    """Renders the site of an atlas into `out`, with the atlas itself in `out/atlas`.

    With `link` (a URL, or a path relative to the site) the site reads the atlas from there instead.
    The documents that the file `exclude` names are quoted nowhere in the site. Each of `comparisons` gets
    a page for each pair of dictionaries; the atlases of `others` are placed in the site, so that their
    latents can be laid beside this one's.

    Raises InputError if a remote atlas has no link, or documents can't be excluded; FormatError if there is
    no atlas.
    """
    if exclude is not None:
        _check_excluding(atlas_url, out, link, others)
    _check_link(atlas_url, link)
    source, target = open_atlas(atlas_url), out / "atlas"
    assets = read_assets()
    atlas, manifest = source, read_bytes(f"{source.url}/{MANIFEST}")
    if exclude is not None:
        manifest = place_excluded(source, read_excluded(exclude, source), target)
        atlas = Atlas(str(target), parse_manifest(manifest, str(target)))
    compared, besides = open_comparisons(source, comparisons), [Beside(open_atlas(url)) for url in others]
    menu = (
        {"id": f"{p.a.id} ↔ {p.b.id}", "path": comparison_path(p)} for c in compared for p in c.record.pairs
    )
    pinned = place_manifest(target, manifest) if link is None else None
    site = Site(atlas, link, assets, tuple(menu), pinned)
    found = {**pages(site), **comparison_pages(site, compared, besides)}
    rendered = {path: render(page).encode() for path, page in found.items()}
    if link is None and exclude is None:
        place_run(Path(atlas_url), target, atlas.manifest)
    write_files(out, {f"{site.assets_path}/{name}": data for name, data in assets.items()})
    for each in besides:
        place_run(Path(each.atlas.url), out / each.path, each.atlas.manifest)
        told = read_bytes(f"{each.atlas.url}/{MANIFEST}")
        switch_manifest(out / each.path, told, each.atlas.manifest.run)
    for each in compared:
        write_files(out, place_comparison(each))
    write_files(out, rendered)
    for folder in ("dictionary", "heads", "comparison"):
        remove_others(out / folder, {Path(path).name for path in rendered})
    remove_folders(out / "assets", Path(site.assets_path).name)
    if pinned is not None:
        remove_folders(target / PINNED, Path(pinned).parent.name)
    if link is None and not _same(atlas_url, target):
        switch_manifest(target, manifest, atlas.manifest.run)


def _check_link(atlas_url: str, link: str | None) -> None:
    if link is None and is_url(atlas_url):
        here = public(atlas_url) if atlas_url.startswith("http") else "https://…"
        raise InputError(
            f"{public(atlas_url)} is not a folder: say where browsers find it, e.g. --link {here}"
        )
    if link is not None and is_url(link) and not link.startswith(("https://", "http://")):
        raise InputError(
            f"--link {public(link)}: browsers read https alone; give the URL by which they see it"
        )
    check_url(link or "")


def _check_excluding(atlas_url: str, out: Path, link: str | None, others: Sequence[str]) -> None:
    if link is not None or is_url(atlas_url):
        raise InputError(
            "--exclude-documents needs a copy of the atlas in the site, and the site of a linked atlas shows"
            f" what is there, whole: give a folder in place of {atlas_url}, and leave out --link"
        )
    if others:
        raise InputError(
            f"--exclude-documents leaves documents out of one atlas, and --beside puts {others[0]} into the"
            " site whole: leave out one of the two"
        )
    if _same(atlas_url, out / "atlas"):
        raise InputError(
            f"{out} holds the atlas itself, which must stay whole: choose another folder as --out"
        )


def _same(atlas_url: str, target: Path) -> bool:
    return Path(atlas_url).resolve() == target.resolve()

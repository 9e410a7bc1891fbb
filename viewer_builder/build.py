"""From an atlas to a folder that any static host can serve."""

from __future__ import annotations

from pathlib import Path

from feature_atlas import Atlas, open_atlas
from feature_atlas.errors import InputError
from feature_atlas.exclude import read_excluded
from feature_atlas.manifest import MANIFEST, parse_manifest
from feature_atlas.store import is_url, read_bytes
from viewer_builder.pages import pages
from viewer_builder.render import render
from viewer_builder.site import Site
from viewer_builder.write import (
    place_excluded,
    place_run,
    read_assets,
    remove_others,
    switch_manifest,
    write_files,
)


def build_site(atlas_url: str, out: Path, *, link: str | None, exclude: Path | None = None) -> None:
    """Renders the site of an atlas into `out`, with the atlas itself in `out/atlas`.

    With `link` (a URL, or a path relative to the site) the site reads the atlas from there instead.
    The documents that the file `exclude` names are quoted nowhere in the site. Raises InputError if a
    remote atlas has no link, or documents can't be excluded; FormatError if there is no atlas.
    """
    if exclude is not None:
        _check_excluding(atlas_url, out, link)
    if is_url(atlas_url) and link is None:
        raise InputError(
            f"{atlas_url} is not a folder: say where the site shall read it, e.g. --link {atlas_url}"
        )
    source, beside = open_atlas(atlas_url), out / "atlas"
    assets = read_assets()
    atlas, manifest = source, read_bytes(f"{source.url}/{MANIFEST}")
    if exclude is not None:
        manifest = place_excluded(source, read_excluded(exclude, source), beside)
        atlas = Atlas(str(beside), parse_manifest(manifest, str(beside)))
    rendered = {path: render(page).encode() for path, page in pages(Site(atlas, link, assets)).items()}
    if link is None and exclude is None:
        place_run(Path(atlas_url), beside, atlas.manifest)
    write_files(out, {f"assets/{name}": data for name, data in assets.items()})
    write_files(out, rendered)
    for folder in ("dictionary", "heads"):
        remove_others(out / folder, {Path(path).name for path in rendered})
    if link is None and not _same(atlas_url, beside):
        switch_manifest(beside, manifest, atlas.manifest.run)


def _check_excluding(atlas_url: str, out: Path, link: str | None) -> None:
    if link is not None or is_url(atlas_url):
        raise InputError(
            "--exclude-documents needs a copy of the atlas in the site, and the site of a linked atlas shows"
            f" what is there, whole: give a folder in place of {atlas_url}, and leave out --link"
        )
    if _same(atlas_url, out / "atlas"):
        raise InputError(
            f"{out} holds the atlas itself, which must stay whole: choose another folder as --out"
        )


def _same(atlas_url: str, beside: Path) -> bool:
    return Path(atlas_url).resolve() == beside.resolve()

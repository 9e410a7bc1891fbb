"""Files of an atlas that are missing or wrong, made anew from what the stages left in the work folder."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.manifest import MANIFEST, Manifest, parse_manifest
from feature_atlas.search_index import SEARCH_INDEX, is_indexed
from feature_atlas.store import fetch_file, is_url, link_file, list_below
from feature_atlas.verify import FILES, Files, Measured, parse_list
from pipeline import assemble
from pipeline.core.blobs import FOR_EVER, THREADS, Headers, Place, open_place
from pipeline.core.files import digest, measure_file, only_one, partial_of
from pipeline.core.in_step import InStep, local_atlas
from pipeline.core.params import Params, load_params
from pipeline.core.progress import say, step
from pipeline.core.published import PUBLISHED
from pipeline.core.runs import PARAMS, RUNS, read_manifest, total, work_folder

ANEW = "repair"  # folder in the work folder


def repair(url: str, config: Path | None, scratch: Path | None = None) -> list[str]:
    """Puts back what is damaged, in a folder or a store; returns a line for each file that can't be made.

    Only a file whose new bytes have the digest that is listed is replaced. Raises InputError if the atlas
    is where nothing can be written, or there is nothing to make it from.
    """
    url = url.rstrip("/")
    atlas, place = local_atlas(url, scratch), open_place(url)
    manifest = open_atlas(url).manifest
    run, anew = manifest.run_path, work_folder(atlas) / ANEW
    with only_one(work_folder(atlas)), _passing(anew):
        listed, there = _listed(place, run), list_below(f"{url}/{run}") or {}
        for name in _left_overs(there):
            place.delete(f"{run}/{name}")
            say(f"removed: {url}/{run}/{name}")
        damaged = _damaged(f"{url}/{run}", listed, there, anew)
        left = _replaced(place, run, damaged, atlas / run)  # this machine may have a copy of what is at a URL
        if left:
            left = _replaced(place, run, left, _made(url, atlas, manifest, config, listed, left, anew))
    return [f"{url}/{run}/{name} can't be made as it was listed; it is left as it is" for name in left]


@contextmanager
def _passing(folder: Path) -> Generator[None]:
    shutil.rmtree(folder, ignore_errors=True)  # of a repair that was killed
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listed(place: Place, run: str) -> Files:
    found = place.read(f"{run}/{FILES}")
    try:
        return parse_list(found[0] if found else b"", f"{place.url}/{run}/{FILES}")
    except FormatError as error:
        raise InputError(
            f"{place.url}/{run}/{FILES} can't be read, so that nothing tells which files are right: remove"
            f" {MANIFEST}, {run} and, if it is there, {PUBLISHED} from {place.url}, then run: atlas build"
        ) from error


def _left_overs(there: Mapping[str, int]) -> list[str]:
    """Files that a killed program had half written, or in a folder that it had."""
    return [name for name in there if any(_is_passing(part) for part in PurePosixPath(name).parts)]


def _is_passing(name: str) -> bool:
    begin, end = partial_of(Path("*")).name.split("*")
    return name.startswith(begin) and name.endswith(end)


def _damaged(run: str, listed: Files, there: Mapping[str, int], scratch: Path) -> Files:
    """What is missing or not as it is listed. FormatError if a file can't be had: that is no damage."""

    def is_right(name: str) -> bool:
        size, _ = listed[name]
        fine = there.get(name) == size and _is_right_at(f"{run}/{name}", listed[name], scratch)
        progress.advance(size)
        return fine

    scratch.mkdir()
    with step("check", total(listed), "bytes") as progress, ThreadPoolExecutor(THREADS) as pool:
        right = dict(zip(listed, pool.map(is_right, listed), strict=True))
    return {name: told for name, told in listed.items() if not right[name]}


def _is_right(path: Path, told: Measured) -> bool:
    return path.is_file() and measure_file(path) == told


def _is_right_at(place: str, told: Measured, scratch: Path) -> bool:
    """The same of a file at a URL, by a passing copy: it is never held in memory whole."""
    if not is_url(place):
        return _is_right(Path(place), told)
    copy = scratch / digest(place)
    fetch_file(place, copy)
    try:
        return _is_right(copy, told)
    finally:
        copy.unlink()


def _replaced(place: Place, run: str, damaged: Files, source: Path) -> Files:
    """Puts those that are right in `source`; gives the others."""
    now = place.read(MANIFEST)
    if now is None or parse_manifest(now[0], place.url).run_path != run:
        raise InputError(
            f"{place.url} was changed meanwhile; look at what is there: atlas verify {place.url}"
        )
    right = [name for name, told in damaged.items() if _is_right(source / name, told)]
    for name in right:
        place.put(f"{run}/{name}", source / name, Headers.of(name, FOR_EVER))
        say(f"repaired: {place.url}/{run}/{name}")
    return {name: told for name, told in damaged.items() if name not in right}


def _made(
    url: str, atlas: Path, manifest: Manifest, config: Path | None, listed: Files, damaged: Files, anew: Path
) -> Path:
    """The run assembled once more, but for the stores in which nothing is damaged."""
    params = _params(atlas, config)
    if is_url(url):
        InStep(f"{url}.work", work_folder(atlas)).bring()
    run = manifest.labelled_from or manifest.run
    broken = {_store(name) for name in damaged}
    for name in listed:
        if _store(name) in broken:
            continue
        (anew / RUNS / run / _store(name)).mkdir(parents=True, exist_ok=True)  # assembling passes over it
        if SEARCH_INDEX in broken and is_indexed(name):
            _bring(f"{url}/{manifest.run_path}/{name}", anew / RUNS / run / name)
    assemble.run(params, work_folder(atlas), anew)
    now = read_manifest(anew)["run"]
    if now != run:
        raise InputError(
            f"what the stages left in {work_folder(atlas)} makes run {now}, not {run}: a dictionary, the text"
            " or a parameter has changed since; build it again: atlas build"
        )
    return anew / RUNS / run


def _bring(place: str, target: Path) -> None:
    if is_url(place):
        target.parent.mkdir(parents=True, exist_ok=True)
        fetch_file(place, target)
    else:
        link_file(Path(place), target)


def _params(atlas: Path, config: Path | None) -> Params:
    path = config or work_folder(atlas) / PARAMS
    if not path.is_file():
        raise InputError(
            f"there is no {path} to tell what {atlas} was built from: give that YAML file with --config"
        )
    return load_params(path, {})


def _store(name: str) -> str:
    """The folder that is written at once, of which a file is a part: `corpus.zarr`, `dictionaries/x.zarr`."""
    parts = PurePosixPath(name).parts
    return "/".join(parts[: 2 if parts[0] == "dictionaries" else 1])

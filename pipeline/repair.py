"""Files of an atlas that are missing or wrong, made anew from what the stages left in the work folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from feature_atlas import open_atlas
from feature_atlas.errors import InputError
from feature_atlas.manifest import MANIFEST, Manifest
from feature_atlas.store import is_url, link_file
from feature_atlas.verify import FILES, measure
from pipeline import assemble
from pipeline.core.files import only_one, partial_of, write_atomically
from pipeline.core.params import Params, load_params
from pipeline.core.progress import say
from pipeline.core.runs import PARAMS, RUNS, Files, read_list, read_manifest, work_folder

ANEW = "repair"  # folder in the work folder


def repair(url: str, config: Path | None) -> list[str]:
    """Puts back what is damaged; returns a line for each file that can't be made as it was.

    Only a file whose new bytes have the digest that is listed is replaced. Raises InputError if the atlas is
    not a folder of this machine, or there is nothing to make it from.
    """
    if is_url(url):
        raise InputError(f"can't repair {url}: give a folder, and publish it again from there")
    atlas, manifest = Path(url), open_atlas(url).manifest
    run = atlas / manifest.run_path
    with only_one(work_folder(atlas)):
        listed = _listed(run)
        for path in _left_overs(run):
            say(f"removed: {path}")
            path.unlink()
        damaged = [name for name, told in listed.items() if not _is_right(run / name, told)]
        if not damaged:
            return []
        anew = work_folder(atlas) / ANEW
        shutil.rmtree(anew, ignore_errors=True)  # of a repair that was killed
        made = _made(atlas, manifest, config, listed, damaged, anew)
        lines = list(_replaced(run, made, listed, damaged))
        shutil.rmtree(anew)
    return lines


def _listed(run: Path) -> Files:
    try:
        return read_list(run)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        atlas = run.parent.parent
        raise InputError(
            f"{run / FILES} can't be read, so that nothing tells which files are right: remove"
            f" {atlas / MANIFEST} and {run}, then run: atlas build"
        ) from error


def _left_overs(run: Path) -> list[Path]:
    """Files that a killed program had half written, or in a folder that it had."""
    found = [path for path in run.rglob("*") if path.is_file()]
    return [path for path in found if any(_is_passing(part) for part in path.relative_to(run).parts)]


def _is_passing(name: str) -> bool:
    begin, end = partial_of(Path("*")).name.split("*")
    return name.startswith(begin) and name.endswith(end)


def _is_right(path: Path, told: tuple[int, str]) -> bool:
    return path.is_file() and path.stat().st_size == told[0] and measure(path.read_bytes()) == told


def _made(
    atlas: Path, manifest: Manifest, config: Path | None, listed: Files, damaged: list[str], anew: Path
) -> Path:
    """The run assembled once more, by links to the stores in which nothing is damaged."""
    params = _params(atlas, config)
    run = manifest.labelled_from or manifest.run
    broken = {_store(name) for name in damaged}
    for name in listed:
        if _store(name) not in broken:
            link_file(atlas / manifest.run_path / name, anew / RUNS / run / name)
    assemble.run(params, work_folder(atlas), anew)
    now = read_manifest(anew)["run"]
    if now != run:
        shutil.rmtree(anew)
        raise InputError(
            f"what the stages left in {work_folder(atlas)} makes run {now}, not {run}: a dictionary, the text"
            " or a parameter has changed since; build it again: atlas build"
        )
    return anew / RUNS / run


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


def _replaced(run: Path, made: Path, listed: Files, damaged: list[str]) -> Iterator[str]:
    for name in damaged:
        if not _is_right(made / name, listed[name]):
            yield f"{run / name} can't be made as it was listed; it is left as it is"
            continue
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(run / name, (made / name).read_bytes())
        say(f"repaired: {run / name}")

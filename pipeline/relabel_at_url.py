"""An atlas at a URL, to be labelled: what labels touch is brought here, and the new run is published there.

docs/decisions/0024-labelled-at-a-url.md says why it goes this way.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from feature_atlas import Atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.manifest import MANIFEST, parse_manifest
from feature_atlas.search_index import SEARCH_INDEX, is_indexed
from feature_atlas.store import fetch_file
from feature_atlas.verify import FILES, measure
from pipeline.core.blobs import THREADS, Place, open_place
from pipeline.core.files import measure_file
from pipeline.core.publication import Publication, listed_files
from pipeline.core.published import read_published
from pipeline.core.runs import read_list, switch
from pipeline.publish import publish


@contextmanager
def at_url(atlas: Atlas, dictionaries: Collection[str]) -> Generator[Path]:
    """A folder with those files of the atlas that labels of these dictionaries touch.

    The run that it holds in the end is published in the place of the one that was opened: its other files
    are copied within the store. Raises WrittenMeanwhile if that is no longer the one that is there.
    """
    place = open_place(atlas.url)
    published, _ = read_published(place)
    there = place.read(MANIFEST)
    if published is None or there is None:
        raise InputError(
            f"{place.url} was not built or published there by itself: label the folder that it is from, and"
            " publish that again"
        )
    if parse_manifest(there[0], place.url).run != atlas.manifest.run:
        raise InputError(f"{place.url} was changed meanwhile: label it again")
    with TemporaryDirectory() as folder:
        path = Path(folder)
        _bring(atlas, place, path / atlas.manifest.run_path, dictionaries)
        switch(path, there[0])
        yield path
        # The run that is opened takes a place among those kept; what was cut off has told of it already.
        keep = len(published.kept) - (not published.finished)
        publish(_publication(path), place, keep=max(1, keep), over=there[0])


def _bring(atlas: Atlas, place: Place, run: Path, dictionaries: Collection[str]) -> None:
    """FormatError if one of the run's files is not as it is listed: what is not brought is copied there."""
    there = atlas.manifest.run_path
    run.mkdir(parents=True)
    fetch_file(f"{atlas.url}/{there}/{FILES}", run / FILES)
    listed, indexed = read_list(run), atlas.manifest.search_index is not None
    entries = place.list(f"{there}/")
    for name, (size, _) in listed.items():
        entry = entries.get(f"{there}/{name}")
        if entry is None or entry.size != size:
            raise _damaged(atlas, name)
    groups = tuple(f"{atlas.dictionary(name).record.store}/" for name in dictionaries)

    def bring(name: str) -> None:
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch_file(f"{atlas.url}/{there}/{name}", path)
        if measure_file(path) != listed[name]:
            raise _damaged(atlas, name)

    names = [
        name
        for name in listed
        if is_indexed(name, text=not indexed)
        or name.startswith(f"{SEARCH_INDEX}/")
        or (name.startswith(groups) and name.endswith("/zarr.json"))
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(bring, names))


def _damaged(atlas: Atlas, name: str) -> FormatError:
    place = f"{atlas.url}/{atlas.manifest.run_path}/{name}"
    return FormatError(f"{place} is missing or damaged; run: atlas repair {atlas.url}")


def _publication(path: Path) -> Publication:
    """The run that the manifest names, of which most files are not here."""
    run = parse_manifest((path / MANIFEST).read_bytes(), MANIFEST).run_path
    own = measure((path / run / FILES).read_bytes())
    return Publication(path, "atlas", {run: listed_files(run, read_list(path / run), own)}, {}, MANIFEST)

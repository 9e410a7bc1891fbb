"""Labels into an atlas that is there: a new run that shares every other file with the one before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from feature_atlas import Atlas, Dictionary, Label
from feature_atlas.contract import LABELS
from feature_atlas.errors import InputError
from feature_atlas.labels import label_arrays, label_attribute, ranked
from feature_atlas.search_index import SEARCH_INDEX, write_search
from feature_atlas.store import add_strings, is_url, link_file
from feature_atlas.verify import measure
from pipeline.core.files import digest, only_one, write_once
from pipeline.core.runs import (
    RUNS,
    read_list,
    read_manifest,
    sweep,
    switch,
    total,
    work_folder,
    write_list,
)
from pipeline.relabel_at_url import at_url

VERSION = 2

ByLatent = dict[int, list[Label]]


def relabel(atlas: Atlas, brought: Mapping[str, Mapping[int, Sequence[Label]]]) -> int:
    """Adds labels, by dictionary and latent; returns how many labels are new or changed.

    What a source says of a latent takes the place of what the same source said of it before; all
    else stays. Raises InputError if the atlas was changed meanwhile, or is where nothing can be written.
    """
    with at_url(atlas, brought) if is_url(atlas.url) else _in_folder(atlas) as path:
        old = {name: before(atlas.dictionary(name)) for name in brought}
        new = {name: merged(old[name], labels) for name, labels in brought.items()}
        changed = {name: labels for name, labels in new.items() if labels != old[name]}
        if changed:
            _switch_to(path, atlas, changed)
    return sum(
        label not in old[name].get(index, [])
        for name, labels in changed.items()
        for index, said in labels.items()
        for label in said
    )


@contextmanager
def _in_folder(atlas: Atlas) -> Generator[Path]:
    path = Path(atlas.url)
    with only_one(work_folder(path)):
        if read_manifest(path)["run"] != atlas.manifest.run:
            raise InputError(f"{path} was changed meanwhile: label it again")
        yield path
        sweep(path, read_manifest(path)["run"])


def before(dictionary: Dictionary) -> ByLatent:
    """The labels of a dictionary, by latent."""
    return {index: said for index, said in enumerate(dictionary.all_labels) if said}


def merged(old: ByLatent, new: Mapping[int, Sequence[Label]]) -> ByLatent:
    """`new` in place of what its sources said of the same latents; each label once."""
    found = dict(old)
    for index, said in new.items():
        sources = {label.source for label in said}
        kept = [label for label in old.get(index, []) if label.source not in sources]
        found[index] = ranked(list(dict.fromkeys([*kept, *said])))
    return found


def _switch_to(path: Path, atlas: Atlas, changed: dict[str, ByLatent]) -> None:
    """The new run is named by the old one and what changes, so that a killed labelling goes on."""
    old, told = atlas.manifest.run, read_manifest(path)
    content = {name: [(i, *map(repr, labels[i])) for i in sorted(labels)] for name, labels in changed.items()}
    run = digest("label", VERSION, old, content)[:16]
    write_once(path / RUNS / run, lambda into: _write_run(path / RUNS / old, into, atlas, changed))
    told |= {
        "run": run,
        "labelled_from": atlas.manifest.labelled_from or old,
        "search_index": SEARCH_INDEX,
        "n_bytes": total(read_list(path / RUNS / run)),
    }
    switch(path, json.dumps(told, indent=2).encode())


def _write_run(old: Path, into: Path, atlas: Atlas, changed: dict[str, ByLatent]) -> None:
    """What does not change keeps its recorded digest: damage to it stays visible to `atlas verify`."""
    records = {name: atlas.dictionary(name).record for name in changed}
    stores = [record.store for record in records.values()]
    files = {name: told for name, told in read_list(old).items() if not _is_replaced(name, stores)}
    for name in files:
        if not is_url(atlas.url) or (old / name).is_file():  # else it is copied within the store
            link_file(old / name, into / name)
    for name, labels in changed.items():
        store, group = records[name].store, into / records[name].store
        shutil.copyfile(old / store / "zarr.json", group / "zarr.json")  # which is written to
        arrays = label_arrays(labels, records[name].n_latents)
        add_strings(group, LABELS, arrays, {"labels": label_attribute(labels)})
    all_stores = [(record.id, record.store) for record in atlas.manifest.dictionaries]
    before = old / SEARCH_INDEX if atlas.manifest.search_index else None
    write_search(into / SEARCH_INDEX, into, all_stores, before)
    new = {path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file()} - set(files)
    write_list(into, files | {below: measure((into / below).read_bytes()) for below in new})


def _is_replaced(name: str, stores: Sequence[str]) -> bool:
    """Whether a file of the run holds labels of these groups or is one's metadata, or is a search index."""
    labels = tuple(f"{store}/{spec.path}/" for store in stores for spec in LABELS)
    return name.startswith((*labels, f"{SEARCH_INDEX}/")) or name in [
        f"{store}/zarr.json" for store in stores
    ]

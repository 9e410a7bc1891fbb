"""A site or an atlas -> a place that the world reads. Readers see the old one or the new, never a mix.

docs/decisions/0020-publishing.md says why it goes in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from feature_atlas.errors import FormatError
from feature_atlas.verify import FILES, Files, Measured, measure, parse_list
from pipeline.core.blobs import (
    FOR_EVER,
    THREADS,
    Entry,
    Headers,
    Place,
    PlaceError,
    WrittenMeanwhile,
    md5_of,
)
from pipeline.core.files import digest, measure_file
from pipeline.core.progress import Step, say, step
from pipeline.core.publication import Publication, folder_of, listed_files
from pipeline.core.published import Claim, Published, check_kind, claimed, read_published, settled
from pipeline.core.runs import total

Listing = Mapping[str, Entry]


@dataclass(frozen=True)
class Plan:
    """What is to be done: files of frozen folders to send, or to copy from where they are at the place."""

    send: Files
    copy: Mapping[str, str]  # from which name
    pages: Files
    gone: tuple[str, ...]  # what nothing will need any more

    def lines(self, switch: str | None) -> list[str]:
        """What is to be done, told."""
        names = list(dict.fromkeys(folder_of(name) or name for name in self.gone))
        return [
            f"to send: {len(self.send):,} files that never change, {total(self.send):,} bytes",
            f"to copy from an earlier run at the place: {len(self.copy):,} files",
            f"to replace: {len(self.pages):,} pages, {total(self.pages):,} bytes"
            + (f", and {switch}" if switch else ""),
            f"to remove: {len(self.gone):,} files" + (f": {', '.join(names)}" if names else ""),
        ]


def publish(
    publication: Publication, place: Place, *, keep: int, dry_run: bool = False, over: bytes | None = None
) -> None:
    """Makes it what readers find at the place, if need be only `over` this manifest; a killed run goes on.

    First everything that never changes, then, one publisher at a time, the pages, and last the manifest
    by compare-and-swap. What only publications before the last `keep` need is removed then.

    Raises WrittenMeanwhile if another publisher was first, PlaceError if the place refuses.
    """
    before, tag = read_published(place) if dry_run else settled(place, publication)
    check_kind(place, before, publication)
    there = place.read(publication.manifest) if publication.manifest else None
    if over is not None and over != (there and there[0]):
        raise WrittenMeanwhile(
            f"{place.url} was changed meanwhile; nothing of that is lost: run the same command again"
        )
    if before is None and there is not None:
        before = _brought(place, publication)
    switch = publication.switched if publication.switched != (there and there[0]) else None
    if before is not None and before.is_of(publication, keep) and switch is None:
        say(f"{place.url}: unchanged, nothing is sent")
        return
    plan = _plan(place, publication, before, keep)
    for line in plan.lines(publication.manifest if switch else None):
        say(line)
    if dry_run:
        return
    with step("publish", total(plan.send) + total(plan.pages), "bytes") as progress:
        _send_frozen(place, publication, plan, progress)
        # Before the claim: a page that was replaced after somebody else's fits no tag of ours.
        tags = _tags(place, plan.pages)
        claim = Claim(place, claimed(publication, before), tag)
        _send_pages(publication, plan.pages, tags, claim, progress)
    if switch is not None and publication.manifest:
        claim.swap(publication.manifest, switch, there and there[1])
    claim.keep(keep)
    _together(partial(_remove, place, claim, name) for name in plan.gone)
    claim.finish(publication)


def _brought(place: Place, publication: Publication) -> Published:
    """What came there by other means and has readers too: of it the folders alone are known."""
    found = {folder for name in _list(place, publication, None) if (folder := folder_of(name))}
    current = tuple(sorted(found))
    return Published(
        kind=publication.kind, publication="", finished=True, pages={}, folders={}, current=current
    )


def _plan(place: Place, publication: Publication, before: Published | None, keep: int) -> Plan:
    listed = _list(place, publication, before)
    whole = before.folders if before else {}
    send = {
        name: told
        for folder, key in publication.whole.items()
        if whole.get(folder) != key
        for name, told in publication.folders[folder].items()
        if not _is_there(listed.get(name), publication, name)
    }
    copies = _copies(place, whole, listed) if send else {}
    copy = {name: copies[told] for name, told in send.items() if told in copies}
    same = before.unchanged(publication) if before else {}
    after = claimed(publication, before)
    folders = after.known(keep)
    gone = [name for name in listed if (folder := folder_of(name)) and folder not in folders]
    gone += [name for name in after.pages if name not in publication.pages]
    return Plan(
        send={name: told for name, told in send.items() if name not in copy},
        copy=copy,
        pages={name: told for name, told in publication.pages.items() if name not in same},
        gone=tuple(gone),
    )


def _list(place: Place, publication: Publication, before: Published | None) -> dict[str, Entry]:
    """What lies at the place beside the frozen folders, of a publisher that was killed too."""
    folders = {*publication.folders, *(before.folders if before else ())}
    parents = {folder.rpartition("/")[0] for folder in folders}
    return {name: entry for parent in sorted(parents) for name, entry in place.list(f"{parent}/").items()}


def _is_there(entry: Entry | None, publication: Publication, name: str) -> bool:
    """Whether a killed publisher has left the file at the place, byte for byte: of one that is here."""
    path = publication.root / name
    if entry is None or not path.is_file():
        return False
    return entry.size == path.stat().st_size and entry.md5() == md5_of(path).hex()


def _copies(place: Place, whole: Mapping[str, str], listed: Listing) -> dict[Measured, str]:
    """Where files lie at the place, but for what a listing shows to be lost or cut short."""
    found: dict[Measured, str] = {}
    for folder, key in whole.items():
        told = place.read(f"{folder}/{FILES}")
        if told is None:
            continue
        try:
            listing = parse_list(told[0], f"{place.url}/{folder}/{FILES}")
        except FormatError as error:
            say(f"nothing is copied from there: {error}")
            continue
        files = listed_files(folder, listing, measure(told[0]))
        if digest(files) == key:
            found |= {
                told: name
                for name, told in files.items()
                if (entry := listed.get(name)) is not None and entry.size == told[0]
            }
    return found


def _send_frozen(place: Place, publication: Publication, plan: Plan, progress: Step) -> None:
    """Sends and copies, then looks whether all of it has come to lie there."""
    sent: dict[str, str | None] = {}

    def send(name: str, told: Measured) -> None:
        sent[name] = place.put(name, _whole(publication, name, told), Headers.of(name, FOR_EVER))
        progress.advance(told[0])

    def copy(name: str, source: str) -> None:
        if not place.copy(source, name):
            size, sha = publication.folders[folder_of(name) or ""][name]
            send(name, (size, sha))

    _together(partial(send, *each) for each in plan.send.items())
    _together(partial(copy, *each) for each in plan.copy.items())
    if plan.send or plan.copy:
        _check(_list(place, publication, None), publication, sent)


def _check(listed: Listing, publication: Publication, sent: Mapping[str, str | None]) -> None:
    for files in publication.folders.values():
        for name, (size, _) in files.items():
            entry = listed.get(name)
            if entry is None or entry.size != size or entry.md5() not in (None, sent.get(name, entry.md5())):
                raise PlaceError(
                    f"{name} is not at the place as it was sent; readers still find what was there before:"
                    " run the same command again"
                )


def _tags(place: Place, pages: Files) -> dict[str, str | None]:
    """Those of the versions of pages that are there now."""
    tags: dict[str, str | None] = {}

    def ask(name: str) -> None:
        found = place.read(name)
        tags[name] = found and found[1]

    _together(partial(ask, name) for name in pages)
    return tags


def _send_pages(
    publication: Publication,
    pages: Files,
    tags: Mapping[str, str | None],
    claim: Claim,
    progress: Step,
) -> None:
    """By swap: a request that was held up until somebody else has published changes nothing."""

    def send(name: str, told: Measured) -> None:
        claim.swap(name, _whole(publication, name, told).read_bytes(), tags[name])
        progress.advance(told[0])

    _together(partial(send, *each) for each in pages.items())


def _whole(publication: Publication, name: str, told: Measured) -> Path:
    """The file. Raises FormatError if it is no longer what its digest says."""
    path = publication.root / name
    if not path.is_file() or measure_file(path) != told:
        raise FormatError(f"{path} is damaged or was changed meanwhile; run: atlas verify on the atlas")
    return path


def _remove(place: Place, claim: Claim, name: str) -> None:
    claim.hold()
    place.delete(name)


def _together(jobs: Iterable[Callable[[], object]]) -> None:
    """Does all jobs in THREADS threads; after the first error no other is begun."""
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            running = [pool.submit(job) for job in jobs]
            done, _ = wait(running, return_when=FIRST_EXCEPTION)
            for each in done:
                each.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

"""`published.json`: what is at a place whole, and who may change what readers see there."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from feature_atlas.errors import FormatError, InputError
from feature_atlas.verify import Files, Measured
from pipeline.core.blobs import ASK_FIRST, Headers, Place, PlaceError, WrittenMeanwhile, below
from pipeline.core.progress import say
from pipeline.core.publication import Publication, folder_of

PUBLISHED = "published.json"
BEAT = 20.0  # seconds after which one who changes what readers see says that he is still there
LEASE = 90.0  # seconds of silence after which he is taken for dead


def _frozen(name: str) -> str:
    if folder_of(f"{name}/x") != name or ".." in name:
        raise ValueError(f"{name!r} is no folder of a publication")
    return name


def _page(name: str) -> str:
    try:
        below("", name)
    except PlaceError as error:
        raise ValueError(str(error)) from error
    return name


FolderName = Annotated[str, AfterValidator(_frozen)]
PageName = Annotated[str, AfterValidator(_page)]


class Published(BaseModel):
    """The whole of `published.json`.

    While `finished` is false, somebody is replacing what was there by `publication`, or was killed at it:
    then the pages may be of either. `folders` are whole, by digest of their list of files; `current` are
    those of this publication, `kept` those of earlier ones, the latest first.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["feature-atlas-published"] = "feature-atlas-published"
    format_version: Literal[1] = 1
    kind: Literal["site", "atlas"]
    publication: str
    finished: bool
    beat: int = 0
    pages: dict[PageName, Measured]
    folders: dict[FolderName, str]
    current: tuple[FolderName, ...]
    kept: tuple[tuple[FolderName, ...], ...] = ()

    def encoded(self) -> bytes:
        """As it is written."""
        return self.model_dump_json(indent=1).encode()

    def known(self, keep: int) -> set[str]:
        """The folders of this publication and of the `keep` before it."""
        return {name for group in (self.current, *self.kept[:keep]) for name in group}

    def is_of(self, publication: Publication, keep: int) -> bool:
        """Whether nothing is left to do, but perhaps for the manifest."""
        return self.finished and self.publication == publication.id and len(self.kept) <= keep

    def unchanged(self, publication: Publication) -> Files:
        """The pages that are there as they shall be."""
        if not self.finished:
            return {}
        return {name: told for name, told in publication.pages.items() if self.pages.get(name) == told}


def read_published(place: Place) -> tuple[Published | None, str | None]:
    """What is told at a place and the tag of its version; FormatError if it can't be understood."""
    found = place.read(PUBLISHED)
    if found is None:
        return None, None
    try:
        return Published.model_validate_json(found[0]), found[1]
    except ValidationError as error:
        raise FormatError(
            f"{place.url}/{PUBLISHED} is damaged or of another version ({error.errors()[0]['msg']});"
            " remove it, and all that is there is compared again"
        ) from error


def check_kind(place: Place, there: Published | None, publication: Publication) -> None:
    """Raises InputError if a site would take the place of an atlas, or the reverse."""
    if there is not None and there.kind != publication.kind:
        raise InputError(
            f"{place.url} holds a published {there.kind}, which this {publication.kind} would replace:"
            " choose another prefix"
        )


def settled(place: Place, publication: Publication) -> tuple[Published | None, str | None]:
    """What is told once nobody else is at work there: he has finished, or was silent for LEASE seconds."""
    there, tag = read_published(place)
    while there is not None and not there.finished and there.publication != publication.id:
        say(f"{place.url}: another publisher is at work there, or was killed; waiting {LEASE:.0f} s to see")
        time.sleep(LEASE)
        before = tag
        there, tag = read_published(place)
        if tag == before:
            break
    return there, tag


class Claim:
    """The right to change what readers see: whoever wrote the latest version of `published.json` has it.

    Every change of it is a swap, so a second claimant makes the first one's next word fail.
    """

    def __init__(self, place: Place, told: Published, tag: str | None) -> None:
        """Takes it, if the version at the place is still `tag`; else raises WrittenMeanwhile."""
        self._place, self.told, self._tag, self._one = place, told, tag, threading.Lock()
        self._write(told)

    def hold(self) -> None:
        """Says that we are still there, at times; to be called before each change of what readers see."""
        # A clock that runs on while the machine sleeps: who wakes up asks first whether he was replaced.
        with self._one:
            if time.time() - self._at > BEAT:
                self._write(self.told.model_copy(update={"beat": self.told.beat + 1}))

    def keep(self, keep: int) -> None:
        """Tells that no more are whole than the last `keep` publications: the others are about to go."""
        known = self.told.known(keep)
        whole = {name: told for name, told in self.told.folders.items() if name in known}
        self._write(self.told.model_copy(update={"folders": whole, "kept": self.told.kept[:keep]}))

    def finish(self, publication: Publication) -> None:
        """Tells that the publication is there, whole."""
        self._write(self.told.model_copy(update={"finished": True, "pages": dict(publication.pages)}))

    def swap(self, name: str, data: bytes, tag: str | None) -> None:
        """Replaces what readers see. The tag was read before the claim: a later claimant's version stays."""
        self.hold()
        self._swap(name, data, tag)

    def _write(self, told: Published) -> None:
        self._tag = self._swap(PUBLISHED, told.encoded(), self._tag)
        self.told, self._at = told, time.time()

    def _swap(self, name: str, data: bytes, tag: str | None) -> str:
        try:
            return self._place.swap(name, data, tag, Headers.of(name, ASK_FIRST))
        except WrittenMeanwhile:
            raise WrittenMeanwhile(
                f"{self._place.url}: another publisher was first; run the same command again if yours shall"
                " replace what is there now"
            ) from None


def claimed(publication: Publication, before: Published | None) -> Published:
    """What is told while the publication takes the place of what was there `before`."""
    folders: Mapping[str, str] = before.folders if before else {}
    current = tuple(sorted(publication.folders))
    return Published(
        kind=publication.kind,
        publication=publication.id,
        finished=False,
        pages={**(before.pages if before else {}), **publication.pages},
        folders={**folders, **publication.whole},
        current=current,
        kept=tuple(group for group in _kept(publication, before) if group != current),
    )


def _kept(publication: Publication, before: Published | None) -> tuple[tuple[str, ...], ...]:
    """The publications before, by their folders, the latest first.

    One that was not finished may have got as far as to readers: it and the one before count as one.
    """
    if before is None:
        return ()
    if before.finished:
        return (before.current, *before.kept)
    if before.publication == publication.id:
        return before.kept
    last = before.kept[0] if before.kept else ()
    return (tuple(sorted({*before.current, *last})), *before.kept[1:])

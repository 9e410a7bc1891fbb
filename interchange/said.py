"""Labels as a file tells them, checked against an atlas."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from feature_atlas import Atlas, Label
from feature_atlas.address import Address
from feature_atlas.errors import AddressError, InputError
from feature_atlas.labels import unprintable

LONGEST = 4096  # characters of a label

ByDictionary = dict[str, dict[int, list[Label]]]


@dataclass(frozen=True)
class Said:
    """One label, not checked yet. `where` names file and line; `source` is empty if none is told."""

    where: str
    address: str
    text: str
    source: str
    score: float | None


def check(said: Iterable[Said], atlas: Atlas, source: str) -> ByDictionary:
    """The labels by dictionary and latent, in their order; those without a source are given `source`.

    Raises InputError, with file and line, for an address that is not in the atlas, an empty, overlong
    or unprintable text, or a score that is no finite number.
    """
    found: ByDictionary = {}
    for each in said:
        address = _existing(each, atlas)
        label = Label(_printable(each, each.text), _printable(each, each.source or source), each.score)
        if label.score is not None and not math.isfinite(label.score):
            raise InputError(f"{each.where}: score {label.score} is not a finite number")
        found.setdefault(address.dictionary, {}).setdefault(address.index, []).append(label)
    return found


def _existing(each: Said, atlas: Atlas) -> Address:
    try:
        address = Address.parse(each.address)
        n_latents = len(atlas.dictionary(address.dictionary))
    except AddressError as error:
        raise InputError(f"{each.where}: {error}") from error
    if address.index >= n_latents:
        raise InputError(f"{each.where}: {address} is not in {address.dictionary}/0..{n_latents - 1}")
    return address


def _printable(each: Said, text: str) -> str:
    """`text`, if it says something, briefly enough, in characters to be shown."""
    if not text.strip():
        raise InputError(f"{each.where}: the label or its source is empty")
    if len(text) > LONGEST:
        raise InputError(f"{each.where}: {len(text):,} characters are more than the {LONGEST:,} of a label")
    if wrong := unprintable(text):
        raise InputError(f"{each.where}: {text[:40]!r} holds the control character {wrong!r}")
    return text

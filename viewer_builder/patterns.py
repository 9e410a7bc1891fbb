"""Every part of the pages in its states, on the site's own atlas: each in a frame, as others embed it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np

from feature_atlas import Dictionary
from viewer_builder.site import FINDER, Site

FEW = 20  # firings below which a page says that it is too rare to judge
PANE, WIDE, PAGE = 260, 420, 720  # heights of a frame
PANES = {
    "examples": PAGE,
    "effects": WIDE,
    "activations": PANE,
    "fires-on": WIDE,
    "statistics": WIDE,
    "related": WIDE,
}
HEAD_PANES = {"examples": PAGE, "scores": WIDE, "offsets": PANE}


@dataclass(frozen=True)
class Specimen:
    """A state of a component: what it is called, where it is seen, and how high its frame is."""

    name: str
    path: str
    height: int = WIDE


@dataclass(frozen=True)
class Group:
    """Specimens of one kind."""

    name: str
    specimens: list[Specimen]


def patterns(site: Site) -> dict[str, Any]:
    """The groups, those that the atlas has anything of."""
    groups = [
        Group("Latents", list(_latents(site))),
        Group("Dictionaries", list(_dictionaries(site))),
        Group("Heads", list(_heads(site))),
        Group("Finding", list(_finding(site))),
        Group("Failures", list(_failures(site))),
        Group("Pages", list(_pages(site))),
    ]
    return {"groups": [group for group in groups if group.specimens]}


def _latents(site: Site) -> Iterator[Specimen]:
    for record in _kinds(site):
        dictionary = site.atlas.dictionary(record)
        found = chosen(dictionary)
        for state, index in found.items():
            if state != "usual":
                yield _pane(f"{record}/{index}", "examples", WIDE, f"{state}: ")
        for pane, height in PANES.items():
            yield _pane(f"{record}/{found['usual']}", pane, height)
        usual = f"{record}/{found['usual']}"
        yield _pane(usual, "examples", WIDE, "random: ", tab="random", heat="each")
        yield _pane(usual, "activations", PANE, "linear: ", counts="linear")
        if dictionary.record.two_signed:
            yield _pane(usual, "examples", WIDE, "lowest: ", tab="lowest")


def chosen(dictionary: Dictionary) -> dict[str, int]:
    """A latent in each state that the dictionary has one in; `usual`, of median firings, it always has."""
    firings = dictionary.stat("firings").astype(np.int64)
    order = np.argsort(firings, kind="stable")
    living = order[firings[order] > 0]
    found = {"usual": int(living[len(living) // 2] if len(living) else 0)}
    for state, fits in {"rare": (firings > 0) & (firings < FEW), "dead": firings == 0}.items():
        if fits.any():
            found[state] = int(np.flatnonzero(fits)[0])
    if dictionary.label_source is not None:
        found["labelled"] = next(index for index, label in enumerate(dictionary.labels) if label)
    return found


def _dictionaries(site: Site) -> Iterator[Specimen]:
    for record in _kinds(site):
        path = site.dictionary_path(record)
        yield Specimen(f"{record}: list", path, PAGE)
        yield Specimen(f"{record}: nothing fits", f"{path}?token=no+such+token", PAGE)
        yield Specimen(f"{record}: map, if it has one", f"{path}?view=map", PAGE)


def _heads(site: Site) -> Iterator[Specimen]:
    for record in site.atlas.manifest.heads[-1:]:
        for pane, height in HEAD_PANES.items():
            path = _framed("head.html", f"{record.id}/0", pane)
            yield Specimen(f"{record.id}/0: {pane}", path, height)
        yield Specimen(f"{record.id}: all scores", site.heads_path(record.id), WIDE)
        yield Specimen("all heads", FINDER, PAGE)


def _finding(site: Site) -> Iterator[Specimen]:
    for record in _kinds(site)[:1]:
        dictionary = site.atlas.dictionary(record)
        word = site.atlas.vocabulary[int(dictionary.stat("top_token")[chosen(dictionary)["usual"]])]
        yield from _found(word)


def _found(word: str) -> Iterator[Specimen]:
    yield Specimen("results", f"search.html?{urlencode({'q': word.strip() or 'the'})}", WIDE)
    yield Specimen("no results", "search.html?q=zzzzqqqq", PANE)
    yield Specimen("a token", f"token.html?{urlencode({'text': word})}", WIDE)
    yield Specimen("no such token", "token.html?t=999999999", PANE)


def _failures(site: Site) -> Iterator[Specimen]:
    yield Specimen("no address", "latent.html", PANE)
    yield Specimen("no such dictionary", "latent.html?at=nowhere.9/0", PANE)
    for record in _kinds(site)[:1]:
        yield Specimen("no such latent", f"latent.html?at={quote(record)}/99999999", PANE)
    yield Specimen("no such atlas", "open.html?atlas=nowhere", WIDE)


def _pages(site: Site) -> Iterator[Specimen]:
    yield Specimen("a list of one’s own, as it begins", "list.html", WIDE)
    yield Specimen("any atlas", "open.html", WIDE)
    for record in _kinds(site)[:1]:
        index = chosen(site.atlas.dictionary(record))["usual"]
        yield Specimen("a shared list", f"list.html?items={quote(record)}/{index}&title=A+list", WIDE)
        query = urlencode({"a": f"{record}/{index}", "b": f"{record}/0"}, safe="/")
        yield Specimen("side by side", f"compare.html?{query}", PAGE)


def _kinds(site: Site) -> list[str]:
    """One dictionary of each kind."""
    records = site.atlas.manifest.dictionaries
    return list({record.kind: record.id for record in records}.values())


def _pane(address: str, pane: str, height: int, state: str = "", **choices: str) -> Specimen:
    return Specimen(f"{state}{address}, {pane}", _framed("latent.html", address, pane, **choices), height)


def _framed(page: str, address: str, pane: str, **choices: str) -> str:
    return f"{page}?{urlencode({'at': address, 'embed': '1', 'show': pane, **choices}, safe='/')}"

"""The list of pages: path -> template and what it is given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from feature_atlas import Atlas, Dictionary
from feature_atlas.contract import FLOATS, INTS
from feature_atlas.store import is_url
from viewer_builder.featured import Featured, featured
from viewer_builder.ladder import ladder
from viewer_builder.render import Page, script_json
from viewer_builder.strips import cells, glyphs


@dataclass(frozen=True)
class Site:
    """An atlas, where the site's pages find it (relative to the site's root, or a URL), and the assets."""

    atlas: Atlas
    link: str
    assets: dict[str, bytes]

    @cached_property
    def hrefs(self) -> dict[str, str]:
        """Path of each dictionary's page."""
        return {record.id: f"dictionary/{record.id}.html" for record in self.atlas.manifest.dictionaries}

    @cached_property
    def assets_version(self) -> str:
        """Changes with the assets, so that browsers do not mix old and new."""
        return hashlib.sha256(b"".join(self.assets.values())).hexdigest()[:10]

    def shell(self, root: str, current: str) -> dict[str, Any]:
        """What every page is given; `root` is its way to the site's root."""
        ids = [record.id for record in self.atlas.manifest.dictionaries]
        return {
            "manifest": self.atlas.manifest,
            "root": root,
            "assets": self.assets_version,
            "connect": f"'self' {_origin(self.link)}".strip(),
            "dictionaries": [{"id": name, "href": self.hrefs[name]} for name in ids],
            "current": current,
        }

    def config(self, root: str, page: str, dictionary: str | None) -> Any:
        """What the scripts are given, as JSON."""
        atlas = self.link if is_url(self.link) else f"{root}{self.link}"
        return script_json({"atlas": atlas, "root": root, "page": page, "dictionary": dictionary})


def pages(site: Site) -> dict[str, Page]:
    """Every page of the site by its path; latents, which may be a million, share one."""
    found = {
        "index.html": Page("overview.html", site.shell("", "") | _overview(site)),
        "latent.html": Page("latent.html", site.shell("", "") | {"config": site.config("", "latent", None)}),
        "about.html": Page("about.html", site.shell("", "about") | _about(site)),
    }
    for name, path in site.hrefs.items():
        values = site.shell("../", name) | {"config": site.config("../", "dictionary", name)}
        found[path] = Page("dictionary.html", values | _dictionary(site.atlas, site.atlas[name]))
    return found


def _overview(site: Site) -> dict[str, Any]:
    manifest = site.atlas.manifest
    return {
        "counted": f"{manifest.windowing.counted_tokens:,}",
        "sources": ", ".join(manifest.corpus.sources),
        "parameters": f"{manifest.model.n_parameters / 1e6:,.1f} M",
        "units": f"{sum(record.n_latents for record in manifest.dictionaries):,}",
        "ladder": ladder(site.atlas, site.hrefs),
        "featured": [_card(site.atlas, each) for each in featured(site.atlas)],
    }


def _card(atlas: Atlas, each: Featured) -> dict[str, Any]:
    vocabulary = atlas.vocabulary
    return {
        "address": f"{each.dictionary}/{each.index}",
        "href": f"latent.html?at={each.dictionary}/{each.index}",
        "token": glyphs(vocabulary[each.token]).replace(" ", "␣"),
        "top": cells(each.preview[0], vocabulary),
        "band": cells(each.preview[1], vocabulary),
        "says": f"{each.firings:,} firings, {each.concentration:.0%} of their mass on five token types",
    }


def _dictionary(atlas: Atlas, dictionary: Dictionary) -> dict[str, Any]:
    record = dictionary.record
    dead = record.n_latents - record.alive
    parts = [
        f"{record.n_latents:,} units read at {record.hook_in}",
        f"{record.architecture}" + (f", k = {record.k}" if record.k else ""),
        f"{dead:,} dead over {atlas.manifest.windowing.counted_tokens:,} tokens",
    ]
    tops = np.argsort(-dictionary.stat("concentration"), kind="stable")[:10].tolist()
    return {"record": record, "says": " · ".join(parts), "rows": [_row(atlas, dictionary, i) for i in tops]}


def _row(atlas: Atlas, dictionary: Dictionary, index: int) -> dict[str, str]:
    return {
        "address": f"{dictionary.record.id}/{index}",
        "token": glyphs(atlas.vocabulary[int(dictionary.stat("top_token")[index])]),
        "density": f"{dictionary.stat('density')[index]:.2%}",
        "max": f"{dictionary.stat('max')[index]:.3g}",
    }


def _about(site: Site) -> dict[str, Any]:
    manifest = site.atlas.manifest
    dictionaries = [
        (f"dictionary {r.id}", f"{r.source}, weights {r.weights[:16]}…")
        for r in manifest.dictionaries
        if r.kind != "neurons"
    ]
    sections = [
        {"title": "Subject model", "rows": _rows(manifest.model.model_dump())},
        {"title": "Corpus", "rows": _rows(manifest.corpus.model_dump())},
        {"title": "Windows", "rows": _rows(manifest.windowing.model_dump())},
        {
            "title": "Provenance",
            "rows": [
                ("run", manifest.run),
                ("built", manifest.created),
                ("format version", str(manifest.format_version)),
                *manifest.provenance.items(),
                *dictionaries,
            ],
        },
    ]
    fields = [(field.name, field.doc) for field in (*FLOATS, *INTS)]
    return {"sections": sections, "fields": fields}


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _text(value)) for name, value in values.items()]


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))  # type: ignore[reportUnknownArgumentType]
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else str(value)


def _origin(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.scheme}://{parts.netloc}" if is_url(link) else ""

"""What the pages of a site share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from feature_atlas import Atlas
from feature_atlas.store import is_url
from viewer_builder.render import script_json

FINDER = "heads.html"  # path of the head finder, from the site's root
_IMPORT = re.compile(r'(?:from|import) ?"\./([^"]+\.js)"')  # no import(), which waits until it is needed
# docs/decisions/0019-open-any-atlas.md says why.
ANY_ATLAS = "https: http://localhost:* http://127.0.0.1:*"


@dataclass(frozen=True)
class Site:
    """An atlas, where its pages find it (None: beside them), and the bundled scripts and styles."""

    atlas: Atlas
    link: str | None
    assets: Mapping[str, bytes]
    more: tuple[Mapping[str, str], ...] = ()  # further entries of the menu: id and path
    pinned: str | None = None  # path of the manifest below an atlas beside the pages

    def dictionary_path(self, name: str) -> str:
        """Path of a dictionary's page, from the site's root."""
        return f"dictionary/{name}.html"

    def latent_path(self, address: str) -> str:
        """Path of a latent's page, from the site's root."""
        return f"latent.html?at={quote(address)}"

    def heads_path(self, name: str) -> str:
        """Path of the page of a layer's heads, from the site's root."""
        return f"heads/{name}.html"

    def head_path(self, address: str) -> str:
        """Path of a head's page, from the site's root."""
        return f"head.html?at={quote(address)}"

    def shell(self, root: str, current: str) -> dict[str, Any]:
        """What every page is given; `root` is its way to the site's root."""
        manifest = self.atlas.manifest
        return {
            "manifest": manifest,
            "root": root,
            "assets": self.assets_path,
            "modules": self._modules,
            "connect": self._connect,
            "menu": [
                *({"id": each.id, "path": self.dictionary_path(each.id)} for each in manifest.dictionaries),
                *([{"id": "all heads", "path": FINDER}] if manifest.heads else []),
                *({"id": each.id, "path": self.heads_path(each.id)} for each in manifest.heads),
                *self.more,
            ],
            "current": current,
        }

    def atlas_url(self, root: str) -> str:
        """Where a page whose way to the site's root is `root` finds the atlas."""
        link = "atlas" if self.link is None else self.link
        return link if is_url(link) else f"{root}{link}"

    def config(self, root: str, page: str, dictionary: str | None) -> Any:
        """What the scripts are given, as JSON; `dictionary` also names the heads of a layer."""
        return script_json(
            {
                "atlas": self.atlas_url(root),
                "manifest": self.pinned,
                "groups": self._groups if self.pinned else {},
                "root": root,
                "page": page,
                "dictionary": dictionary,
            }
        )

    @cached_property
    def _groups(self) -> dict[str, str]:
        """Paths, below the atlas, of the vocabulary, dictionaries and layers' heads of the run."""
        manifest = self.atlas.manifest
        units = {each.id: each.store for each in (*manifest.dictionaries, *manifest.heads)}
        stores = {"vocabulary": "vocabulary.zarr", **units}
        return {name: f"{manifest.run_path}/{store}" for name, store in stores.items()}

    @cached_property
    def assets_path(self) -> str:
        """Where the scripts and styles lie, from the site's root: another path for others, never a mix."""
        return f"assets/{hashlib.sha256(b''.join(self.assets.values())).hexdigest()[:16]}"

    @cached_property
    def _modules(self) -> list[str]:
        """What `main.js` imports before it does anything, so that a page asks for all of it at once."""
        found: list[str] = []
        names = ["main.js"]
        for name in names:
            imported = _IMPORT.findall(self.assets[name].decode())
            found += (new := [each for each in dict.fromkeys(imported) if each not in found])
            names += new
        return found

    @property
    def _connect(self) -> str:
        """Where the pages may read from: the site, what `?atlas=` may name, and a linked atlas on http."""
        parts = urlsplit(self.link or "")
        linked = f" {parts.scheme}://{parts.netloc}" if parts.scheme == "http" else ""
        return f"'self' {ANY_ATLAS}{linked}"

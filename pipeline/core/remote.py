"""Dictionaries that lie elsewhere, brought to this machine once. The only file that knows the hub."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from feature_atlas.errors import InputError
from feature_atlas.store import copy_files, is_url
from feature_atlas.urls import public
from pipeline.core.files import cache_folder, write_once
from pipeline.core.progress import say

# A web server lists no folders: these are asked for.
_NAMES = (
    *("cfg.json", "sae_weights.safetensors", "sae.safetensors", "config.json", "ae.pt"),
    *("quality.json", "labels.json"),
)


def located(place: str) -> Path:
    """A path as it is; hf:REPO[/SUB] and URLs as the copy on this machine, made now if there is none.

    Raises InputError if there is nothing there or it can't be reached.
    """
    if place.startswith("hf:"):
        return _hub(place.removeprefix("hf:"))
    if is_url(place):
        return _copy(place)
    path = Path(place).expanduser()
    if not path.exists():
        raise InputError(f"there is no dictionary at {place}; give a folder or file, a URL, or hf:REPO[/SUB]")
    return path


def hub_snapshot(repo: str, patterns: list[str]) -> Path:
    """The files of a hub repository that fit the patterns. Raises InputError with the hub's reason."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo, allow_patterns=patterns))
    except Exception as error:  # the hub client raises its own, httpx's and OSError alike
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"the hub did not give {repo!r} ({reason})") from error


def _hub(name: str) -> Path:
    owner, _, rest = name.partition("/")
    repo, _, inside = rest.partition("/")
    inside = inside.strip("/")
    folder = hub_snapshot(f"{owner}/{repo}", [inside, f"{inside}/*"] if inside else ["*"])
    if not (folder / inside).exists():
        raise InputError(f"hf:{name}: {owner}/{repo} has no {inside}")
    return folder / inside


def _copy(url: str) -> Path:
    """Under the URL's digest in the user's cache, whole or not at all."""
    name = PurePosixPath(public(url).partition("://")[2].strip("/"))
    if ".." in name.parts:
        raise InputError(f"{public(url)} goes up a folder; give the URL without '..'")
    cache = cache_folder("dictionaries")
    folder = cache / hashlib.sha256(url.encode()).hexdigest()[:16]

    def bring(into: Path) -> None:
        say(f"fetching {public(url)} into {cache}")
        if not copy_files(url.rstrip("/"), into / name, _NAMES):
            raise InputError(f"no dictionary at {public(url)}; give the URL of a folder or of a .pt file")

    cache.mkdir(parents=True, exist_ok=True)
    write_once(folder, bring)
    return folder / name

"""What is told of URLs, and of why their hosts refuse: never a key."""

from __future__ import annotations

import errno
import os
import re
from urllib.parse import urlsplit

from feature_atlas.errors import InputError

_KEYS = re.compile(
    r"\?\S+|\b(sig|signature|\w*key\w*|\w*token|\w*secret|password)\s*=\s*[^\s;&]+", re.IGNORECASE
)
_LONGEST = 200


def public(url: str) -> str:
    """The URL without its query, fragment and password; a path as it is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.netloc
    if parts.password is not None:
        host = host.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def check_url(url: str) -> str:
    """The URL as it is; InputError if it holds what may be a key."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.password is not None:
        raise InputError(
            f"{public(url)} was given with a query, a fragment or a password, and what stands in a URL is"
            " told to many: give it without, and keys by the environment (docs/blob-storage.md)"
        )
    return url


def reason(error: BaseException) -> str:
    """Why a store refused, in a few words: what its client raised, without what may be a key."""
    if isinstance(error, FileNotFoundError):
        return os.strerror(errno.ENOENT)
    status, code = getattr(error, "status_code", None), getattr(error, "error_code", None)
    if status or code:  # Azure's answers quote what was asked
        return " ".join(str(each) for each in (status, getattr(code, "value", code)) if each)
    told = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return _KEYS.sub("…", " ".join(str(told).split()))[:_LONGEST] or type(error).__name__

"""Text files that others wrote: decoded, line by line, each failure with its line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from feature_atlas.errors import InputError


def read_text(path: Path) -> str:
    """A UTF-8 file, gzipped if its name says so, without a byte order mark."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}, is not UTF-8; convert it: iconv -t UTF-8 FILE") from error
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is not gzip, or cut short: {error}") from error
    except OSError as error:  # a bad gzip header is one too
        raise InputError(f"can't read {path}: {error.strerror or error}") from error


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """File and line in words, and the object there; empty lines are passed over."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            try:
                row: Any = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{where}, is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise InputError(f"{where}, is not a JSON object")
            yield where, cast(dict[str, Any], row)


def name_of(path: Path) -> str:
    """A file's name without its endings."""
    return path.resolve().name.partition(".")[0] or path.resolve().name

"""Zarr groups of an atlas, on disk or at a URL. The only file that knows zarr."""

# zarr and fsspec are only partly typed: what they return is given its type here, once.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
import warnings
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import zarr
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from zarr.abc.store import ByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.codecs import GzipCodec
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore, LocalStore

from feature_atlas.chunks import GZIP, array_files, shard_values
from feature_atlas.contract import ArraySpec, numpy_dtype
from feature_atlas.errors import AtlasError, FormatError
from feature_atlas.urls import check_url, public, reason

SHARD_SIZES = "shard_sizes"
_OF_FILES = (OSError, ValueError, KeyError, TypeError, RuntimeError)  # what zarr and the system raise
_ONE_THREAD = threading.Lock()

# Else gcsfs asks by gRPC of what kind a bucket is, with each request if it may not know, and warns of that.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
# It logs what it raises, with a traceback.
logging.getLogger("gcsfs").setLevel(logging.CRITICAL)


def is_url(place: str) -> bool:
    """Whether `place` names something other than a path of this machine."""
    return "://" in place


def read_bytes(place: str) -> bytes:
    """A whole small file, from disk or a URL. Raises FormatError if it can't be had."""
    with _reading(place):
        if not is_url(place):
            return Path(place).read_bytes()
        filesystem, path = _filesystem(check_url(place))
        return bytes(filesystem.cat_file(path))


def list_below(place: str) -> dict[str, int] | None:
    """Bytes of every file below a place, by path below it; None if its host can't be asked.

    A web server lists nothing. Raises FormatError if the place can't be reached.
    """
    if not is_url(place):
        files = [path for path in Path(place).rglob("*") if path.is_file()]
        return {path.relative_to(place).as_posix(): path.stat().st_size for path in files}
    if place.startswith(("http://", "https://")):
        return None
    with _reading(place):
        filesystem, path = _filesystem(check_url(place))
        filesystem.invalidate_cache()
        found: dict[str, Any] = filesystem.find(path, detail=True)
        return {name.removeprefix(path).lstrip("/"): int(info["size"]) for name, info in found.items()}


def fetch_file(url: str, into: Path) -> None:
    """Copies a remote file of any size. Raises FormatError if it can't be had."""
    with _reading(url):
        filesystem, path = _filesystem(check_url(url))
        filesystem.get_file(path, str(into))


def copy_files(url: str, into: Path, names: Sequence[str]) -> bool:
    """Copies a remote file to `into`, or a folder's files into it; whether there was any.

    A web server lists nothing: what does not end like a file is a folder there, of which `names` are
    asked for. Raises FormatError if the place can't be reached.
    """
    with _reading(url):
        filesystem, path = _filesystem(url)
        found = _remote_files(filesystem, path, names if url.startswith("http") else None)
        for name in found:
            file = into / name if name else into
            file.parent.mkdir(parents=True, exist_ok=True)
            filesystem.get_file(f"{path}/{name}" if name else path, str(file))
    return bool(found)


def _filesystem(url: str) -> tuple[Any, str]:
    return fsspec.core.url_to_fs(url)


@contextmanager
def _reading(place: str, what: str = "read") -> Generator[None]:
    """Makes one line of whatever is raised, which shows no key: a FormatError."""
    try:
        yield
    except AtlasError:
        raise
    except Exception as error:  # each client of a store raises its own
        if not is_url(place) and not isinstance(error, _OF_FILES):
            raise
        raise FormatError(f"can't {what} {public(place)}: {reason(error)}") from None


def _remote_files(filesystem: Any, path: str, names: Sequence[str] | None) -> list[str]:
    """Names below `path`, of a file itself ""; only those of `names` that are there, if they are given."""
    if names is None:
        return [str(place).removeprefix(path).lstrip("/") for place in filesystem.find(path)]
    wanted = [""] if Path(path.partition("?")[0]).suffix else names
    return [name for name in wanted if filesystem.exists(f"{path}/{name}" if name else path)]


def create_group(
    path: Path,
    specs: Sequence[ArraySpec],
    arrays: Mapping[str, np.ndarray[Any, Any]],
    attributes: Mapping[str, Any],
    *,
    d_vocab: int = 0,
    two_signed: bool = False,
) -> None:
    """Writes a group whole: every array of the contract, shard sizes and consolidated metadata.

    Shard sizes let a browser read with absolute byte ranges only, and tell "listed but missing"
    (an error) from "all zero, so never written". zarr writes the metadata, `array_files` the values.
    """
    dtypes = {spec.path: numpy_dtype(spec, d_vocab, two_signed) for spec in specs}
    with _quiet():
        group = zarr.create_group(LocalStore(path), attributes=dict(attributes))
    _add(group, path, specs, arrays, dtypes)


def add_strings(
    path: Path,
    specs: Sequence[ArraySpec],
    arrays: Mapping[str, np.ndarray[Any, Any]],
    attributes: Mapping[str, Any],
) -> None:
    """Adds arrays of strings, and attributes, to a group that was written whole.

    The group's own zarr.json is replaced; no other file of it is touched. Of the group's arrays the
    metadata must be there, their values may be elsewhere.
    """
    with _quiet():
        group = zarr.open_group(LocalStore(path), mode="r+", zarr_format=3, use_consolidated=False)
        group.update_attributes(dict(attributes))
    _add(group, path, specs, arrays, {spec.path: "string" for spec in specs})


def link_file(source: Path, target: Path) -> None:
    """A run's files never change, so they are linked where the file system can, and copied elsewhere."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


class Rewriting:
    """A copy of a group on disk in which the arrays at `paths` get other values of the same shape.

    All other files are linked. The values are given file by file; a file that is not given is one of
    fill values. `close` makes the metadata fit.
    """

    def __init__(self, source: Path, into: Path, paths: Collection[str]) -> None:
        self._group = Group(str(source))
        self._into = into
        changed = tuple(f"{path}/c/" for path in paths)
        into.mkdir(parents=True)
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            below = file.relative_to(source).as_posix()
            if below == "zarr.json":
                shutil.copyfile(file, into / below)  # which is written to
            elif not below.startswith(changed):
                link_file(file, into / below)

    def write(self, path: str, number: int, values: np.ndarray[Any, Any]) -> None:
        """The entries of file `number` of an array: those of one shard, or of one chunk without shards."""
        array = self._group.array(path)
        typed = values.astype(object if array.dtype.kind not in "uif" else array.dtype, copy=False)
        shard = array.shards[0] if array.shards else None
        for _, data in array_files(typed, array.chunks[0], shard):
            file = self._into.joinpath(path, "c", str(number), *("0" for _ in array.shape[1:]))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def close(self) -> None:
        """Tells the sizes of the files that were written."""
        with _quiet():
            store = LocalStore(self._into)
            group = zarr.open_group(store, mode="r+", zarr_format=3, use_consolidated=False)
            group.update_attributes({SHARD_SIZES: _shard_sizes(self._into)})
            zarr.consolidate_metadata(store)


def _add(
    group: zarr.Group,
    path: Path,
    specs: Sequence[ArraySpec],
    arrays: Mapping[str, np.ndarray[Any, Any]],
    dtypes: Mapping[str, str],
) -> None:
    for spec in specs:
        _write_values(path, spec, arrays[spec.path], dtypes[spec.path])
    told: Any = group.attrs.get(SHARD_SIZES, {})
    new = tuple(f"{spec.path}/" for spec in specs)
    sizes = {name: size for name, size in told.items() if not name.startswith(new)}
    for spec in specs:
        sizes |= {f"{spec.path}/{name}": size for name, size in _shard_sizes(path / spec.path).items()}
    in_order = dict(sorted(sizes.items(), key=lambda each: each[0].split("/")))
    with _quiet():
        group.update_attributes({SHARD_SIZES: in_order})
        for spec in specs:
            _create_array(group, spec, arrays[spec.path].shape, dtypes[spec.path])
        zarr.consolidate_metadata(group.store)


def _write_values(path: Path, spec: ArraySpec, values: np.ndarray[Any, Any], dtype: str) -> None:
    if values.ndim != len(spec.dims):
        raise AssertionError(f"{spec.path}: {values.shape} does not fit {spec.dims}")
    typed = values.astype(object if dtype == "string" else dtype, copy=False)
    for number, data in array_files(typed, *_cut(spec, len(values))):
        file = path.joinpath(spec.path, "c", str(number), *("0" for _ in spec.dims[1:]))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _create_array(group: zarr.Group, spec: ArraySpec, shape: tuple[int, ...], dtype: str) -> None:
    chunk, shard = _cut(spec, shape[0])
    group.create_array(
        spec.path,
        shape=shape,
        chunks=(chunk, *shape[1:]),
        shards=None if shard is None else (shard, *shape[1:]),
        dtype=str if dtype == "string" else dtype,
        compressors=GzipCodec(level=GZIP),
        fill_value="" if dtype == "string" else 0,
        dimension_names=spec.dims,
        attributes={"doc": spec.doc},
    )


def _cut(spec: ArraySpec, length: int) -> tuple[int, int | None]:
    """Lengths of chunk and shard of an array of that length; no longer than it is, shards of whole chunks."""
    length = max(1, length)
    chunk = min(spec.chunk or length, length)
    return chunk, -(-min(spec.shard, length) // chunk) * chunk if spec.shard else None


def _shard_sizes(path: Path) -> dict[str, int]:
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name != "zarr.json")
    return {p.relative_to(path).as_posix(): p.stat().st_size for p in files}


class _RemoteStore(FsspecStore):
    """A group at a URL, read by absolute ranges of bytes: Azure knows no suffixes.

    `sizes` are the group's own shard sizes, when they are known. Without them zarr would take a listed
    file that is missing, or a part of it, for zeros.
    """

    sizes: Mapping[str, int] | None = None

    @classmethod
    def at(cls, url: str) -> _RemoteStore:
        """By the client of all other files: zarr's own loop ends before one of its own is closed."""
        filesystem, path = _filesystem(check_url(url))
        return cls(AsyncFileSystemWrapper(filesystem, asynchronous=True), read_only=True, path=path)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The file or a part of it; None if the group has none of that name. OSError if it should."""
        if self.sizes is None or key.endswith("zarr.json"):
            return await super().get(key, prototype, byte_range)
        if key not in self.sizes:
            return None  # nothing but fill values, so that it was never written
        first, last = 0, self.sizes[key]
        if isinstance(byte_range, SuffixByteRequest):
            first = max(0, last - byte_range.suffix)
        elif isinstance(byte_range, RangeByteRequest):
            first, last = byte_range.start, byte_range.end
        found = await super().get(key, prototype, RangeByteRequest(first, last))
        if found is None or len(found) != last - first:
            raise OSError(errno.EIO, f"{key} is missing or cut short; run: atlas verify on the atlas")
        return found


class Group:
    """A group opened to read; arrays are opened once and kept."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._arrays: dict[str, zarr.Array[Any]] = {}
        with _reading(place, "open the store"):
            store = _RemoteStore.at(place) if is_url(place) else LocalStore(place, read_only=True)
            with _quiet():
                self._group = zarr.open_group(store, mode="r", zarr_format=3)
        if isinstance(store, _RemoteStore):
            store.sizes = self.attributes.get(SHARD_SIZES)

    @property
    def attributes(self) -> dict[str, Any]:
        """The group's own attributes."""
        return dict(self._group.attrs)

    @property
    def shard_sizes(self) -> dict[str, int]:
        """Bytes of every file of the group but its zarr.json, by path below it."""
        return {str(k): int(v) for k, v in self.attributes[SHARD_SIZES].items()}

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the dimensions of every array of the group, by its path."""
        found: dict[str, tuple[str, ...]] = {}
        for path, each in self._group.members(None):
            if isinstance(each, zarr.Array):
                metadata: Any = each.metadata
                found[path] = tuple(metadata.dimension_names)
        return found

    def length(self, path: str) -> int:
        """Entries that one file of an array holds: a shard, or a chunk without shards."""
        array = self.array(path)
        return (array.shards or array.chunks)[0]

    def array(self, path: str) -> zarr.Array[Any]:
        """One array, not read yet. Raises FormatError if it is missing."""
        if path not in self._arrays:
            node = self._group.get(path)
            if not isinstance(node, zarr.Array):
                raise FormatError(f"{self.place} has no array {path!r}")
            self._check_shards(path)
            self._arrays[path] = node
        return self._arrays[path]

    def read(self, path: str, where: Any = ...) -> np.ndarray[Any, Any]:
        """The values of an array, or of a selection of it. A missing shard is an error, never zeros."""
        array = self.array(path)
        with _reading(self.place, f"read {path} of"):
            return np.asarray(array[where])

    def shard(self, path: str, number: int) -> np.ndarray[Any, Any]:
        """The entries of one whole shard of an array of numbers, for who reads them all.

        zarr spends 0.17 ms on each chunk; this takes 0.01 to 0.04.
        """
        array = self.array(path)
        length = (array.shards or array.chunks)[0]
        n_chunks = length // array.chunks[0]
        entries = len(range(array.shape[0])[number * length : (number + 1) * length])
        name = "/".join([path, "c", str(number), *("0" for _ in array.shape[1:])])
        size = self.shard_sizes.get(name)
        if size is None:
            return np.zeros((entries, *array.shape[1:]), array.dtype)
        data = read_bytes(f"{self.place}/{name}")
        try:
            return shard_values(data, array.chunks, array.dtype, n_chunks)[:entries]
        except ValueError as error:
            raise FormatError(f"{self.place}/{name} is damaged: {error}; run: atlas verify") from error

    def _check_shards(self, path: str) -> None:
        if is_url(self.place):
            return  # seen when it is read; to ask first would double the requests
        for name, size in self.shard_sizes.items():
            file = Path(self.place) / name
            if name.startswith(f"{path}/c") and (not file.is_file() or file.stat().st_size != size):
                raise FormatError(f"{file} is missing or cut short; run: atlas verify on the atlas")


@contextmanager
def _quiet() -> Generator[None]:
    """Zarr warns that consolidated metadata and strings are not in the specification yet: known.

    What warnings do is up to the whole process, so this is for one thread at a time.
    """
    with _ONE_THREAD, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

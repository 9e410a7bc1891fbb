"""What we write into arrays is what zarr-python writes, but for the time of day."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.codecs import GzipCodec
from zarr.storage import LocalStore

from feature_atlas.chunks import GZIP
from feature_atlas.contract import ArraySpec
from feature_atlas.store import SHARD_SIZES, create_group

DTYPES = {"<u2": "token", "<u4": "u4", "<f4": "f4", "|u1": "u1", "|i1": "activation", "string": "string"}
CUTS = {
    "one chunk": (7, 0, 0),
    "chunks, the last partial": (7, 3, 0),
    "chunks": (9, 3, 0),
    "shards, the last partial, one absent": (10, 1, 4),
    "shards and chunks partial": (11, 2, 6),
    "one shard": (5, 2, 512),
    "all fill values": (0, 2, 4),
}


def draw(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values of every kind, in rows 0, 1, 3, 8 and 9; fill values elsewhere."""
    row = np.arange(shape[0]).reshape(-1, *(1 for _ in shape[1:]))
    there = np.broadcast_to(np.isin(row, (0, 1, 3, 8, 9)), shape)
    number = np.arange(np.prod(shape)).reshape(shape)
    if dtype == "string":
        texts = [f"é{n}\0" * (n % 4) for n in number.ravel()]
        return np.where(there, np.array(texts, dtype=object).reshape(shape), "")
    values = np.where(there, np.random.default_rng(0).integers(-300, 300, shape), 0).astype(dtype)
    if dtype == "<f4":
        values[there & (number % 3 == 0)] = -0.0
    return values


def write_with_zarr(folder: Path, values: np.ndarray, like: zarr.Array, dtype: str) -> None:
    """The array `a` of a group."""
    array = zarr.create_group(LocalStore(folder)).create_array(
        "a",
        shape=values.shape,
        chunks=like.chunks,
        shards=like.shards,
        dtype=str if dtype == "string" else dtype,
        compressors=GzipCodec(level=GZIP),
        fill_value="" if dtype == "string" else 0,
        dimension_names=[f"d{i}" for i in range(values.ndim)],
        attributes={"doc": "what it is"},
    )
    array[:] = values


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in (folder / "a").rglob("*") if p.is_file()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rest", [(), (2, 3)], ids=["1d", "3d"])
@pytest.mark.parametrize(("length", "chunk", "shard"), CUTS.values(), ids=CUTS)
def test_arrays_are_as_zarr_writes_them(
    dtype: str, rest: tuple[int, ...], length: int, chunk: int, shard: int, tmp_path: Path
) -> None:
    values = draw(dtype, (length or 8, *rest))
    values = values if length else values[4:]
    dims = tuple(f"d{i}" for i in range(values.ndim))
    spec = ArraySpec("a", dims, DTYPES[dtype], "what it is", chunk, shard)
    for name in ("ours", "again"):
        create_group(tmp_path / name, [spec], {"a": values}, {}, two_signed=dtype == "|i1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(LocalStore(tmp_path / "ours"), mode="r")
        array = group["a"]
        read = array[:]
        write_with_zarr(tmp_path / "theirs", values, array, dtype)
    assert read.tolist() == values.tolist()
    assert dtype == "string" or (read.dtype.str, read.tobytes()) == (dtype, values.tobytes())
    ours, theirs = files(tmp_path / "ours"), files(tmp_path / "theirs")
    assert ours["a/zarr.json"] == theirs["a/zarr.json"]
    assert group.attrs[SHARD_SIZES] == {n: len(data) for n, data in theirs.items() if n != "a/zarr.json"}
    assert ours == files(tmp_path / "again")
    index = 16 * array.shards[0] // array.chunks[0] + 4 if shard else 0
    assert all(ours[name][len(data) - index :] == data[len(data) - index :] for name, data in theirs.items())
    assert all(data[4:8] == bytes(4) for data in ours.values() if data.startswith(b"\x1f\x8b"))

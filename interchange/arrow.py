"""Parquet files, read and written. The only file that knows pyarrow."""

# pyarrow is not typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from feature_atlas.errors import InputError

ROWS = 256  # read at a time

# How columns are told: a name of _TYPES, [kind] for a list of it, {field: kind} for a record.
Kind = str | list["Kind"] | dict[str, "Kind"]
_TYPES = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "float32": pa.float32()}


def read_texts(path: Path, column: str) -> Iterator[tuple[int, str]]:
    """Row number, from 1, and value of a column of strings; InputError if the file is unfit."""
    try:
        file = pq.ParquetFile(path)
        if column not in file.schema_arrow.names:
            raise InputError(f"{path} has no column {column!r}; it has: {', '.join(file.schema_arrow.names)}")
        row = 0
        for batch in file.iter_batches(columns=[column], batch_size=ROWS):
            for text in batch.column(0).to_pylist():
                row += 1
                if not isinstance(text, str):
                    raise InputError(f"{path}, row {row}: {column!r} is not a string")
                yield row, text
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise InputError(f"can't read {path} as Parquet: {error}") from error


@contextmanager
def table(path: Path, columns: Mapping[str, Kind]) -> Generator[Callable[[list[dict[str, Any]]], None]]:
    """Gives a function that appends rows; each call makes a row group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([(name, _type(kind)) for name, kind in columns.items()])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, schema))


def _type(kind: Kind) -> Any:
    if isinstance(kind, str):
        return _TYPES[kind]
    if isinstance(kind, list):
        return pa.list_(_type(kind[0]))
    return pa.struct([(name, _type(each)) for name, each in kind.items()])

"""Reading an atlas from blob storage, by the emulators of Azure and S3."""

from __future__ import annotations

import fsspec
import pytest

from tests.emulators.stores import Store


@pytest.fixture(params=["azurite", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of blob storage in turn."""
    return request.getfixturevalue(request.param)


def test_smoke(store: Store) -> None:
    filesystem, path = fsspec.core.url_to_fs(store.url)
    filesystem.pipe_file(f"{path}/a/b", b"hello")
    assert filesystem.cat_file(f"{path}/a/b") == b"hello"
    assert filesystem.find(path) == [f"{path}/a/b"]

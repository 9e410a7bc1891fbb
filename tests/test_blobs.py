"""Places to write to: a folder, Azure, S3, Google; one behaviour, whole objects, no lost update, no key."""

from __future__ import annotations

import os
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest
from google.cloud.storage import blob as google_blob

from pipeline.core import blobs, blobs_azure, blobs_gcs
from pipeline.core.blobs import (
    ASK_FIRST,
    ATTEMPTS,
    FOR_EVER,
    Headers,
    Place,
    PlaceError,
    WrittenMeanwhile,
    open_place,
    patiently,
)
from tests.emulators.flaky import flaky
from tests.emulators.stores import (
    ACCOUNT,
    KEY,
    Store,
    connection_string,
    let_everybody_read,
    set_environment,
)

JSON = Headers.of("x.json", ASK_FIRST)
BYTES = Headers.of("0", FOR_EVER)
KINDS = ("folder", "azurite", "s3", "gcs")


def url_of(kind: str, request: pytest.FixtureRequest) -> str:
    """An empty place of that kind, as the command line is told of it."""
    if kind == "folder":
        return str(request.getfixturevalue("tmp_path") / "place")
    return f"{request.getfixturevalue(kind).url}/some/prefix"


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest) -> str:
    return url_of(request.param, request)


@pytest.fixture
def place(url: str) -> Place:
    return open_place(url)


def test_what_is_put_is_listed_and_read(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs_azure, "BLOCK", 1 << 16)  # so that this file goes in blocks
    monkeypatch.setattr(google_blob, "_MAX_MULTIPART_SIZE", 1 << 16)  # and in parts
    monkeypatch.setattr(blobs_gcs, "PART", 1 << 18)
    file = tmp_path / "file"
    file.write_bytes(os.urandom(600_000))
    assert place.list() == {} and place.read("a/0") is None
    sums = {"a/0": place.put("a/0", file, BYTES), "a/b/1": place.put("a/b/1", b"", BYTES)}
    sums["ab"] = place.put("ab", b"text", BYTES)
    assert {name: (e.size, e.md5()) for name, e in place.list().items()} == {
        "a/0": (600_000, sums["a/0"]),
        "a/b/1": (0, "d41d8cd98f00b204e9800998ecf8427e"),
        "ab": (4, sums["ab"]),
    }
    assert place.list("a/").keys() == {"a/0", "a/b/1"}
    assert (place.read("a/0") or (b"", ""))[0] == file.read_bytes()
    assert place.copy("a/0", "c/d") and not place.copy("none", "e")
    assert place.list("c/")["c/d"].md5() == sums["a/0"]
    place.put("a/0", b"new", BYTES)
    assert (place.read("c/d") or (b"", ""))[0] == file.read_bytes()
    for name in place.list():
        place.delete(name)
    place.delete("none")
    assert place.list() == {}


def test_a_swap_needs_the_version_that_was_read(place: Place) -> None:
    first = place.swap("x.json", b"1", None, JSON)
    with pytest.raises(WrittenMeanwhile, match="another writer"):
        place.swap("x.json", b"2", None, JSON)
    second = place.swap("x.json", b"2", first, JSON)
    assert place.read("x.json") == (b"2", second) and second != first
    with pytest.raises(WrittenMeanwhile):
        place.swap("x.json", b"3", first, JSON)
    with pytest.raises(WrittenMeanwhile):
        place.swap("y.json", b"3", first, JSON)
    assert place.swap("x.json", b"2", first, JSON) == second, (
        "an answer was lost, and it is ours that is there"
    )
    assert place.list().keys() == {"x.json"}


def test_no_update_is_lost(place: Place) -> None:
    """Four threads count to 20 together."""
    place.swap("n", b"0", None, JSON)

    def count(me: int) -> None:
        for _ in range(5):
            while True:
                data, tag = place.read("n") or (b"", "")
                number = int(data.split()[0]) + 1
                try:
                    place.swap("n", f"{number} {me}".encode(), tag, JSON)
                    break
                except WrittenMeanwhile:
                    continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert (place.read("n") or (b"", ""))[0].split()[0] == b"20"


@pytest.mark.parametrize("kind", ["azurite", "s3", "gcs"])
def test_a_store_that_fails_now_and_then(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third request fails in one of nine ways, some after the store has obeyed."""
    url = url_of(kind, request)
    monkeypatch.setattr(blobs, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(blobs_azure, "BLOCK", 1 << 16)
    with flaky(request.getfixturevalue(f"{kind}_server"), every=3) as between:
        if kind == "azurite":
            monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string(between))
        else:
            monkeypatch.setenv({"s3": "AWS_ENDPOINT_URL", "gcs": "STORAGE_EMULATOR_HOST"}[kind], between)
        place, data = open_place(url), os.urandom(200_000)
        tag = None
        for number in range(12):
            place.put(f"a/{number}", data, BYTES)
            tag = place.swap("x.json", str(number).encode(), tag, JSON)
            assert place.copy(f"a/{number}", f"b/{number}")
            assert place.read(f"a/{number}") is not None
        assert place.read("x.json") == (b"11", tag)
        listed = place.list()
        assert {entry.size for name, entry in listed.items() if name != "x.json"} == {len(data)}
        assert len({entry.md5() for entry in listed.values()}) == 2 and len(listed) == 25
        for name in listed:
            place.delete(name)
        assert place.list() == {}


def test_what_passes_is_tried_again_and_what_does_not_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise ValueError(str(len(calls)))

    with pytest.raises(ValueError, match="^1$"):
        patiently(fail, lambda error: False)
    calls.clear()
    with pytest.raises(ValueError, match=f"^{ATTEMPTS}$"):
        patiently(fail, lambda error: True)
    assert len(waits) == ATTEMPTS - 1
    assert all(0 <= wait <= 0.5 * 2**i for i, wait in enumerate(waits))


@pytest.mark.parametrize("name", ["", "/a", "a//b", "../a", "a/../../b", "a/."])
def test_names_lead_nowhere_else(place: Place, name: str) -> None:
    for call in (place.read, place.delete):
        with pytest.raises(PlaceError, match="is no name"):
            call(name)
    with pytest.raises(PlaceError, match="is no name"):
        place.put(name, b"", BYTES)


@pytest.mark.parametrize("kind", ["azurite", "s3", "gcs"])
def test_headers_are_told_to_visitors(kind: str, request: pytest.FixtureRequest) -> None:
    place = open_place(url_of(kind, request))
    open_to_all(place)
    for name, wanted in {
        "a.html": "text/html; charset=utf-8",
        "m.js": "text/javascript; charset=utf-8",
        "s.css": "text/css; charset=utf-8",
        "zarr.json": "application/json",
        "c/0/0": "application/octet-stream",
    }.items():
        place.put(name, b"some", Headers.of(name, FOR_EVER))
        assert place.copy(name, f"copy/{name}")
        for each in (name, f"copy/{name}"):
            with urllib.request.urlopen(place.public_url(each) or "") as answer:
                told = answer.headers
                assert (answer.read(), told["Content-Type"]) == (b"some", wanted)
                assert (told["Cache-Control"], told["Content-Encoding"]) == (FOR_EVER, None)


def open_to_all(place: Place) -> None:
    """What its owner does so that anybody can read: the recipes of docs/publishing.md."""
    if isinstance(place, blobs_azure.AzurePlace):
        name = place.url.removeprefix("az://").partition("/")[0]
        place.service.get_container_client(name).set_container_access_policy({}, public_access="blob")
        return
    if place.url.startswith("gs://"):
        let_everybody_read(Store("gs://" + place.url.split("/")[2], ""))
        return
    from contextlib import closing
    from json import dumps

    from boto3 import client

    bucket = place.url.removeprefix("s3://").partition("/")[0]
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    statement = allowed | {"Resource": f"arn:aws:s3:::{bucket}/*"}
    rule = {
        "AllowedOrigins": ["*"],
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": ["range"],
        "ExposeHeaders": ["content-range", "content-length", "content-encoding"],
    }
    with closing(client("s3")) as service:
        service.put_bucket_policy(
            Bucket=bucket, Policy=dumps({"Version": "2012-10-17", "Statement": [statement]})
        )
        service.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("gcs://bucket/x", "az://CONTAINER/PREFIX, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
        ("https://example.org/x", "docs/publishing.md"),
        ("az://c/x?sig=secret", "AZURE_STORAGE_SAS_TOKEN"),
        ("az://", "names no container"),
        ("s3://key:secret@b/x", "AWS_ACCESS_KEY_ID"),
        ("s3://", "names no bucket"),
        ("gs://secret@b/x", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://", "names no bucket"),
    ],
)
def test_places_that_are_none(url: str, told: str) -> None:
    with pytest.raises(PlaceError, match=told) as raised:
        open_place(url)
    assert "secret" not in str(raised.value)


def test_without_an_account_it_is_said_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment({}, monkeypatch)
    with pytest.raises(PlaceError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        open_place("az://c/x")
    set_environment({"AZURE_STORAGE_CONNECTION_STRING": f"nonsense {KEY}"}, monkeypatch)
    with pytest.raises(PlaceError, match="no connection string") as raised:
        open_place("az://c/x")
    assert KEY not in str(raised.value)
    off = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    set_environment(off | {"AWS_EC2_METADATA_DISABLED": "true"}, monkeypatch)
    with pytest.raises(PlaceError, match="AWS_SECRET_ACCESS_KEY"):
        open_place("s3://bucket/x").list()


def test_refusals_are_told_without_keys(
    azurite_server: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "FIRST_WAIT", 0.001)
    wrong = KEY.replace("Eby8", "AAAA")
    sas = "sv=2024-11-04&sig=abcdefgh%3D"
    nobody = f"http://127.0.0.1:9/{ACCOUNT}"
    for server, secret, told in [
        (azurite_server, f"AccountKey={wrong}", "403 AuthorizationFailure; check the key"),
        (azurite_server, f"SharedAccessSignature={sas}", "403 .*; check the key or SAS"),
        (azurite_server, f"AccountKey={KEY}", "404 ContainerNotFound; make it: az storage container create"),
        (nobody, f"AccountKey={KEY}", "can't be reached"),
        (nobody, f"SharedAccessSignature={sas}", "can't be reached"),
    ]:
        environment = {"AZURE_STORAGE_CONNECTION_STRING": connection_string(server, secret)}
        set_environment(environment, monkeypatch)
        with pytest.raises(PlaceError, match=told) as raised:
            open_place("az://not-there/x").swap("a", b"", None, JSON)
        assert not any(key in str(raised.value) for key in (wrong, KEY, "sig=", "abcdefgh"))
        assert raised.value.__cause__ is None and raised.value.__suppress_context__
    keys = {"AWS_ACCESS_KEY_ID": "AKIAKEY", "AWS_SECRET_ACCESS_KEY": "not-a-key"}
    for server, told in [(s3_server, "NoSuchBucket; make it: aws s3 mb"), ("http://127.0.0.1:9", "reached")]:
        set_environment(keys | {"AWS_ENDPOINT_URL": server}, monkeypatch)
        with pytest.raises(PlaceError, match=told) as raised:
            open_place("s3://not-there/x").list()
        assert "KEY" not in str(raised.value) and "not-a-key" not in str(raised.value)


def test_two_writers_of_one_file_leave_one_whole(tmp_path: Path) -> None:
    """On disk, where both write under one passing name."""
    datas = [bytes([i]) * 3_000_000 for i in range(4)]
    places = [open_place(str(tmp_path)) for _ in datas]
    threads = [
        Thread(target=place.put, args=("a/0", data, BYTES)) for place, data in zip(places, datas, strict=True)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (tmp_path / "a/0").read_bytes() in datas
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["0"]

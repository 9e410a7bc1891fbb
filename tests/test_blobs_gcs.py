"""Google's store as a place: what it refuses, its rules for browsers, and logins that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.cloud.storage import Client

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError
from pipeline.core import blobs, blobs_gcs
from pipeline.core.blobs import ASK_FIRST, Headers, PlaceError, md5_of, open_place
from tests.emulators.flaky import Failure, between
from tests.emulators.stores import (
    GOOGLES_RULE,
    Store,
    googles_rules,
    set_environment,
    set_googles_rules,
)

JSON = Headers.of("x.json", ASK_FIRST)
NOWHERE = {"NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": "/nowhere"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "FIRST_WAIT", 0.001)


def test_what_is_damaged_on_its_way_is_sent_again_and_is_never_there(
    gcs: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store can't tell it from bytes whose MD5 is told wrong, as here."""
    place = open_place(gcs.url)
    wrong: Iterator[bytes] = iter([bytes(16)])
    upload = blobs_gcs.GcsPlace._upload

    def damaged(place: blobs_gcs.GcsPlace, name: str, data: bytes, md5: bytes, headers: Headers) -> str:
        return upload(place, name, data, next(wrong, md5), headers)

    monkeypatch.setattr(blobs_gcs.GcsPlace, "_upload", damaged)
    place.put("a", b"some", JSON)
    assert next(wrong, None) is None and place.list()["a"].md5() == md5_of(b"some").hex()
    wrong = repeat(bytes(16))
    with pytest.raises(PlaceError, match="the store answered 400;"):
        place.put("b", b"some", JSON)
    assert place.list().keys() == {"a"}


def test_half_an_upload_is_none(gcs: Store, gcs_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fails: Iterator[Failure] = iter(["cut going", "cut short"])
    with between(gcs_server, lambda: next(fails, None)) as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        place, data = open_place(gcs.url), bytes(100_000)
        place.put("a", data, JSON)
        assert next(fails, None) is None and place.list()["a"].md5() == md5_of(data).hex()


def test_a_long_list_comes_page_by_page(gcs: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def short(client: Client, *where: object, page_token: str | None, **told: object) -> object:
        asked.append(page_token)
        return list_blobs(client, *where, page_token=page_token, page_size=2, **told)

    list_blobs = Client.list_blobs
    monkeypatch.setattr(Client, "list_blobs", short)
    place = open_place(f"{gcs.url}/some")
    for number in range(5):
        place.put(f"a/{number}", b"", JSON)
    assert place.list("a/").keys() == {f"a/{number}" for number in range(5)}
    assert len(asked) == len(set(asked)) == 3


@pytest.mark.parametrize(
    "there",
    [
        [],
        [GOOGLES_RULE],
        [{"origin": ["https://one.example"], "method": ["GET"], "responseHeader": ["range"]}],
        [{"origin": ["*"], "method": ["PUT"], "responseHeader": ["*"]}, GOOGLES_RULE],
    ],
)
def test_the_rule_for_every_origin_comes_first_once_and_others_stay(
    there: list[dict[str, object]], gcs: Store
) -> None:
    set_googles_rules(gcs.name, there)
    place = open_place(gcs.url)
    place.allow_every_origin()
    first, *others = googles_rules(gcs.name)
    assert first["origin"] == ["*"] and first["method"] == ["GET", "HEAD"] and others == there
    place.allow_every_origin()
    assert googles_rules(gcs.name) == [first, *there]


def test_a_rule_that_says_enough_is_left_alone(gcs: Store) -> None:
    """In other words: that of docs/publishing.md as it was, and more."""
    headers = ["Range", "Content-Range", "Content-Length", "Content-Encoding", "ETag"]
    rule = {"origin": ["*"], "method": ["GET", "HEAD", "OPTIONS"], "responseHeader": headers}
    set_googles_rules(gcs.name, [rule])
    open_place(gcs.url).allow_every_origin()
    assert googles_rules(gcs.name) == [rule]


def test_refusals_are_told_in_a_line(gcs_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with between(gcs_server, lambda: 403) as refusing:
        for server, told in [
            (gcs_server, "404.*; make it: gcloud storage buckets create gs://not-there"),
            (refusing, "403.*; check that the login may write here"),
            ("http://127.0.0.1:9", r"can't be reached \(ConnectionError\)"),
            ("127.0.0.1:9", r"can't be reached \(InvalidSchema\)"),
        ]:
            set_environment({"STORAGE_EMULATOR_HOST": server}, monkeypatch)
            place = open_place("gs://not-there/x")
            for call in (place.list, partial(place.swap, "a", b"", None, JSON), place.allow_every_origin):
                with pytest.raises(PlaceError, match=told) as raised:
                    call()
                assert str(raised.value).count("\n") == 0 and "ifGenerationMatch" not in str(raised.value)
                assert raised.value.__cause__ is None and raised.value.__suppress_context__


def test_a_reader_who_is_refused_is_told_in_a_line(
    gcs_server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client would log what it raises, with a traceback."""
    for status, told in ((403, "Forbidden"), (401, "401")):
        with between(gcs_server, lambda status=status: status) as refusing:
            set_environment({"STORAGE_EMULATOR_HOST": refusing, "NO_GCE_CHECK": "true"}, monkeypatch)
            with pytest.raises(
                FormatError, match=f"can't read gs://bucket/atlas/atlas.json: .*{told}"
            ) as raised:
                open_atlas("gs://bucket/atlas")
            assert "\n" not in str(raised.value)
    assert not [each for each in caplog.records if each.name.startswith("gcsfs")]


def test_a_login_that_is_none_is_told_without_its_key(
    gcs_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(NOWHERE, monkeypatch)
    with pytest.raises(PlaceError, match="no login.*application-default login, or set GOOGLE_APPLICATION"):
        open_place("gs://bucket/x")
    file = tmp_path / "key.json"
    set_environment(NOWHERE | {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}, monkeypatch)
    with between(gcs_server, lambda: 400) as refusing:
        for told, says in [
            (
                b'{"type": "service_account", "private_key": "SECRET"}',
                "key.json of GOOGLE_APPL.* is no login",
            ),
            (_service_account("http://127.0.0.1:9"), "can't be reached"),
            (_service_account(refusing), "the login is refused"),
        ]:
            file.write_bytes(told)
            with pytest.raises(PlaceError, match=says) as raised:
                open_place("gs://bucket/x").list()
            assert not any(each in str(raised.value) for each in ("SECRET", "BEGIN", "someone@"))
            assert raised.value.__cause__ is None and raised.value.__suppress_context__


def _service_account(token_uri: str) -> bytes:
    """The file of a login that nobody knows."""
    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    told = {"type": "service_account", "client_email": "someone@x.example", "token_uri": token_uri}
    return json.dumps({**told, "private_key": pem}).encode()

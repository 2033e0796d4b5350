"""Zips that nobody would think of: each member comes out as it went in, or is refused in words; never anything else."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.errors import RejectedError
from watcher.model import Limits
from watcher.processing import archive

LIMITS = Limits(max_file_bytes=1_000_000, zip_members=20, zip_bytes=3_000_000)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Made(NamedTuple):
    name: str
    content: bytes
    method: int


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.text(
    "./\\\0:aé", min_size=1, max_size=8
)
CONTENTS = st.binary(max_size=200) | st.builds(
    lambda seed, times: seed * times, st.binary(max_size=9), st.integers(0, 9999)
)
MADE = st.lists(st.builds(Made, NAMES, CONTENTS, st.sampled_from(METHODS)), max_size=5)
# where a byte is changed, as a share of the file and from its end, where the directory is; and what it becomes
DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)


def packed(made: list[Made], prefix: bytes = b"", comment: bytes = b"") -> bytes:
    target = io.BytesIO()
    target.write(prefix)
    with zipfile.ZipFile(target, "a") as opened:
        opened.comment = comment
        for one in made:
            entry = zipfile.ZipInfo("name")
            entry.filename, entry.compress_type = one.name, one.method
            opened.NameToInfo.clear()  # two of one name are wanted here, and would be warned of
            opened.writestr(entry, one.content)
    return target.getvalue()


def found(content: bytes) -> dict[int, bytes | None]:
    """What each listed member gives, None when it is refused. RejectedError when all of it is."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return {
            member.index: _given(file.name, member.index, member.size) for member in archive.members(file.name, LIMITS)
        }


def _given(path: str, index: int, size: int) -> bytes | None:
    out = io.BytesIO()
    try:
        archive.extract(path, index, out, LIMITS)
    except archive.UnreadableMemberError as error:
        assert "\n" not in str(error)
        return None
    finally:
        assert len(out.getvalue()) <= size
        archive.modified(path, index)
    assert len(out.getvalue()) == size
    return out.getvalue()


def damaged(content: bytes, damage: list[tuple[float, int]]) -> bytes:
    changed = bytearray(content)
    for place, value in damage:
        changed[int(place * len(changed))] = value
    return bytes(changed)


@settings(deadline=None)
@given(MADE, st.sampled_from([b"", b"#!/bin/sh\n"]), st.binary(max_size=30))
def test_what_went_in_comes_out(made: list[Made], prefix: bytes, comment: bytes) -> None:
    expected = {
        index: None if one.name.endswith("/") else one.content  # a folder that has content is refused
        for index, one in enumerate(made)
        if one.content or not one.name.endswith("/")
    }
    assert found(packed(made, prefix, comment)) == expected


@settings(deadline=None, max_examples=300)
@given(MADE, DAMAGE)
def test_damage_is_refused_in_words_or_does_no_harm(made: list[Made], damage: list[tuple[float, int]]) -> None:
    contents = {one.content for one in made}
    try:
        given_back = found(damaged(packed(made), damage))
    except RejectedError as error:
        assert "\n" not in str(error)
        return
    assert {content for content in given_back.values() if content is not None} <= contents | {b""}


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_anything_else_is_refused_in_words(content: bytes, cut: int) -> None:
    for dropped in (content, b"PK\3\4" + content + b"PK\5\6" + content[:18], packed([Made("a", content, 8)])[:cut]):
        try:
            found(dropped)
        except RejectedError as error:
            assert str(error).startswith("the zip")


def test_no_file_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    found(packed([Made("a", b"content", method) for method in METHODS]))
    assert len(os.listdir("/proc/self/fd")) == before

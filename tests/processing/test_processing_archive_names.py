"""What the names in a zip mean, whatever system wrote them: never an error, never a way out of a folder."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.model import Limits
from watcher.processing import archive
from watcher.processing.zipdirectory import UTF8, Entry
from watcher.processing.zipnames import paths

UNIX, FAT, NTFS = 3, 0, 10


def entry(name: bytes, flags: int = 0, maker: int = UNIX, extra: bytes = b"") -> Entry:
    return Entry(name, maker, flags, 0, 0, 0, 1, 1, 0, 0, extra)


def unicode_path(name: str, of: bytes) -> bytes:
    content = b"\1" + zlib.crc32(of).to_bytes(4, "little") + name.encode()
    return b"\x75\x70" + len(content).to_bytes(2, "little") + content


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["été.jpg", "写真.jpg", "📷.jpg"]),
        ("cp437", ["été.jpg"]),
        ("cp437", ["über.jpg"]),
        ("cp437", ["Père Noël.jpg", "plage.jpg"]),
        ("cp437", ["mèlèze.jpg"]),
        ("cp437", ["Ñandú.jpg", "año 2004/niño.jpg"]),
        ("cp932", ["写真.jpg"]),
        ("cp932", ["テスト.jpg", "IMG_0001.jpg"]),
        ("cp932", ["表示/ソ.jpg"]),  # their second bytes are backslashes
        ("cp932", ["IMG_旅行(夏).jpg", "ﾃｽﾄの写真.jpg"]),
        ("gb2312", ["照片.jpg"]),
        ("gb2312", ["旅游/我的图片.jpg", "plain.jpg"]),
    ],
)
def test_names_that_nothing_tells_about_are_guessed_together(encoding: str, names: list[str]) -> None:
    assert paths([entry(name.encode(encoding)) for name in names]) == names


def test_names_that_are_utf_8_are_read_so_beside_one_that_is_not() -> None:
    assert paths([entry("写真.jpg".encode()), entry("été.jpg".encode("cp437"))]) == ["写真.jpg", "été.jpg"]


def test_a_name_that_is_marked_as_utf_8_and_is_not_is_guessed() -> None:
    assert paths([entry(b"\x82t\x82.jpg", UTF8)]) == ["été.jpg"]


def test_the_unicode_field_counts_where_it_is_about_the_name_as_it_stands() -> None:
    renamed = unicode_path("日.jpg", of=b"before.jpg")
    cut = unicode_path("日.jpg", of=b"cut.jpg")[:-1]
    entries = [
        entry(b"fallback.jpg", extra=b"UT\1\0x" + unicode_path("日.jpg", of=b"fallback.jpg")),
        entry(b"after.jpg", extra=renamed),
        entry(b"cut.jpg", extra=cut),
        entry(b"flagged.jpg", UTF8, extra=unicode_path("日.jpg", of=b"flagged.jpg")),
    ]
    assert paths(entries) == ["日.jpg", "after.jpg", "cut.jpg", "flagged.jpg"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../a.jpg", "a.jpg"),
        ("/etc/a.jpg", "etc/a.jpg"),
        ("//host/a.jpg", "host/a.jpg"),
        ("./a/./b//c.jpg", "a/b/c.jpg"),
        ("a/..", "a"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a.jpg\0.exe", "a.jpg"),
        ("line\nbreak\x1b.jpg", "line\nbreak\x1b.jpg"),
        ("C:a.jpg", "C:a.jpg"),
    ],
)
def test_a_path_holds_nothing_but_names(name: str, expected: str) -> None:
    assert paths([entry(name.encode())]) == [expected]


@pytest.mark.parametrize(
    ("maker", "names", "expected"),
    [
        (FAT, ["dir\\a.jpg", "b/c.jpg"], ["dir/a.jpg", "b/c.jpg"]),
        (NTFS, ["C:\\dir\\a.jpg"], ["dir/a.jpg"]),
        (NTFS, ["\\\\host\\share\\..\\a.jpg"], ["host/share/a.jpg"]),
        (UNIX, ["dir\\a.jpg", "dir\\b.jpg"], ["dir/a.jpg", "dir/b.jpg"]),
        (UNIX, ["dir/a\\b.jpg"], ["dir/a\\b.jpg"]),
    ],
)
def test_backslashes_separate_where_they_cannot_be_letters(maker: int, names: list[str], expected: list[str]) -> None:
    assert paths([entry(name.encode(), maker=maker) for name in names]) == expected


@given(
    st.lists(
        st.builds(
            entry,
            st.binary(max_size=40)
            | st.text("./\\\0CZ:é表", max_size=20).map(lambda name: name.encode("cp932", "replace")),
            st.sampled_from([0, UTF8]),
            st.integers(0, 255),
            st.binary(max_size=20),
        ),
        max_size=5,
    )
)
def test_any_bytes_become_paths_that_stay_below(entries: list[Entry]) -> None:
    found = paths(entries)
    assert len(found) == len(entries)
    for path in found:
        assert not {"", ".", ".."} & set(path.split("/"))
        assert "\0" not in path


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("archives/gen_sjis_names.zip", ["表示.jpg"]),
        ("archives/gen_cp437_names.zip", ["été.jpg"]),
        ("archives/gen_utf8_names_no_flag.zip", ["été.jpg"]),
        ("archives/gen_utf8_names.zip", ["日本.jpg", "été/📷.jpg"]),
        ("archives/gen_unicode_path_extra.zip", ["日.jpg"]),
        ("archives/gen_backslash_names.zip", ["dir/a.jpg"]),
        ("archives/chinese.zip", ["七个房间.txt"]),
        ("archives/windows-7zip.zip", ["你好.txt"]),
        ("archives/gen_nfc_nfd_pair.zip", ["\xe9.jpg", "e\u0301.jpg"]),
        ("hostile-archives/gen_slip_unc.zip", ["good.jpg", "host/share/evil.jpg"]),
        ("hostile-archives/gen_slip_dotdot.zip", ["good.jpg", "evil.jpg"]),
        ("hostile-archives/gen_name_dots.zip", ["unnamed", "unnamed", "a", "good.jpg"]),
    ],
)
def test_names_of_the_collection_are_read_as_they_were_meant(corpus: Path, file: str, expected: list[str]) -> None:
    assert [member.path for member in archive.members(str(corpus / file), Limits())] == expected

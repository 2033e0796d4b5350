"""Zips: their members become photographs of their own; what cannot be taken stays whole, with its reasons."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.household import Home, digest, wait_for
from tests.end_to_end.pictures import picture, zipped


def error_of(home: Home, name: str) -> str:
    return Path(f"{home.failed / name}.error.txt").read_text()


def digests(home: Home) -> set[str]:
    return {asset["digest"] for asset in home.assets()}


def test_the_members_of_a_zip_are_taken_and_the_zip_goes(watched: Home) -> None:
    members = {f"trip/{name}": picture(f"Trip {name}") for name in ("one.jpg", "日本語.jpg", "new\nline.jpg")}
    dropped = watched.drop("trip.zip", zipped({**members, "trip/Thumbs.db": b"litter", "trip/": b""}))
    watched.wait_until("trip.zip", "done")
    assert not dropped.exists()
    assert not (watched.failed / "trip.zip").exists()
    assert {digest(content) for content in members.values()} <= digests(watched)
    assert len(watched.finds("Trip")) == 3


def test_a_bad_member_costs_itself_alone_and_lies_in_failed_where_its_zip_was(watched: Home) -> None:
    good, mended = picture("Zip good"), picture("Zip mended")
    bad = {"in/bad.jpg": mended[:300], "../../letter.txt": b"Dear Anna", "a\\b\nc.jpg": b"no picture"}
    watched.drop("mixed.zip", zipped({"good.jpg": good, **bad}))
    watched.wait_until("mixed.zip", "done")
    watched.wait_for_rest()
    assert digest(good) in digests(watched)
    assert not (watched.failed / "mixed.zip").is_file()
    kept = {path.name: path.read_bytes() for path in (watched.failed / "mixed.zip").iterdir()}
    notes = {name for name in kept if name.endswith(".error.txt")}
    assert {content for name, content in kept.items() if name not in notes} == set(bad.values())
    assert notes == {f"{name}.error.txt" for name in kept if name not in notes}
    assert "it is not a picture" in error_of(watched, "mixed.zip/letter.txt")

    (watched.failed / "mixed.zip" / "bad.jpg").unlink()
    watched.drop_folder("mixed.zip", {"bad.jpg": mended})
    watched.wait_for_rest()
    assert digest(mended) in digests(watched)


def test_a_bad_member_moved_back_is_tried_again(watched: Home) -> None:
    watched.drop("back.zip", zipped({"back good.jpg": picture("Back good"), "back bad.jpg": b"nothing"}))
    watched.wait_until("back.zip", "done")
    watched.wait_for_rest()
    folder = watched.failed / "back.zip"
    (folder / "back bad.jpg").rename(watched.inbox / "back bad.jpg")
    watched.wait_until("back bad.jpg", "failed", "failed")
    watched.wait_for_rest()
    assert (watched.failed / "back bad.jpg").read_bytes() == b"nothing"


def encrypted(members: dict[str, bytes], *names: str) -> bytes:
    """A zip that says of these members that they have a password."""
    content = bytearray(zipped(members))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for one in archive.infolist():
            if one.filename in names:
                content[one.header_offset + 6] |= 1  # the flags, in the member's header and in the directory
                content[content.rindex(one.filename.encode()) - 46 + 8] |= 1
    return bytes(content)


def test_a_zip_with_a_member_under_a_password_stays_in_failed_and_a_plain_copy_brings_what_is_missing(
    watched: Home,
) -> None:
    members = {f"pw{number}.jpg": picture(f"Password {number}") for number in range(3)}
    locked = encrypted(members, "pw1.jpg")
    watched.drop("locked.zip", locked)
    watched.wait_until("locked.zip", "failed")
    watched.wait_for_rest()
    assert (watched.failed / "locked.zip").read_bytes() == locked
    note = error_of(watched, "locked.zip")
    assert "pw1.jpg: the member is encrypted" in note
    assert "pw0.jpg" not in note
    assert {digest(members[name]) for name in ("pw0.jpg", "pw2.jpg")} <= digests(watched)
    (watched.failed / "locked.zip").unlink()
    watched.drop("locked.zip", zipped(members))
    watched.wait_until("locked.zip", "failed", "done")
    assert [watched.states(name)[-1] for name in members] == ["duplicate", "done", "duplicate"]
    watched.wait_for_rest()
    assert not (watched.failed / "locked.zip.error.txt").exists()


def test_two_entries_of_one_name_with_different_content_both_arrive(watched: Home) -> None:
    both = [picture("Twice one"), picture("Twice two")]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for content in both:
            archive.writestr("twice.jpg", content)
    watched.drop("twice.zip", target.getvalue())
    watched.wait_until("twice.zip", "done")
    assert {digest(content) for content in both} <= digests(watched)


def test_a_zip_with_nothing_to_take_is_failed(watched: Home) -> None:
    contents = {"empty.zip": zipped({}), "litter.zip": zipped({"__MACOSX/._a.jpg": b"x", ".DS_Store": b"y"})}
    for name, content in contents.items():
        watched.drop(name, content)
    for name, content in contents.items():
        watched.wait_until(name, "failed")
        assert (watched.failed / name).read_bytes() == content
        assert "there is nothing in it to take" in error_of(watched, name)


def named(names: list[bytes]) -> bytes:
    """A zip whose members are called by these bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(f"{number}" + "_" * (len(name) - 1), picture(repr(name)))
    content = target.getvalue()
    for number, name in enumerate(names):
        content = content.replace(f"{number}".encode() + b"_" * (len(name) - 1), name)
    return content


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("\u5199\u771f\u8868\u793a.jpg".encode("cp932"), "\u5199\u771f\u8868\u793a.jpg"),
        ("\u5199\u771f.jpg".encode(), "\u5199\u771f.jpg"),
        (b"DCIM\\100\\slash.jpg", "slash.jpg"),
        (b"C:\\abs.jpg", "abs.jpg"),
        (b"/../../etc/up.jpg", "up.jpg"),
    ],
)
def test_names_of_other_systems_are_read_and_never_followed(watched: Home, raw: bytes, name: str) -> None:
    watched.drop("foreign.zip", named([raw]))
    watched.wait_for_rest()
    (found,) = [row for row in watched.assets() if row["digest"] == digest(picture(repr(raw)))]
    assert found["name"] == name
    assert watched.key(found["path"]) == f"originals/2024/05/20240517-142301_{name}"


def overlapping() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.jpg", picture("Overlap"))
        archive.writestr("b.jpg", picture("Overlap"))
        archive.filelist[1].header_offset = 0
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("overlap.zip", overlapping(), "the zip's directory lies"),
        ("password.zip", encrypted({"x.jpg": b"x"}, "x.jpg"), "encrypted; unpack the zip with its password"),
        ("cut.zip", zipped({"cut.jpg": picture("Cut")})[:-30], "the zip is damaged"),
        ("bomb.zip", b"", "times its size; limits.zip_ratio allows"),
    ],
)
def test_a_zip_that_cannot_be_trusted_stays_whole_with_the_reason(
    watched: Home, name: str, content: bytes, why: str
) -> None:
    content = content or _bomb()
    watched.drop(name, content)
    watched.wait_until(name, "failed")
    assert (watched.failed / name).read_bytes() == content
    assert why in error_of(watched, name)


def _bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.jpg", bytes(60_000_000))
    return target.getvalue()


def test_a_photo_dropped_behind_a_large_zip_does_not_wait_for_it(watched: Home) -> None:
    members = {f"many {n}.jpg": picture(f"Many {n}", size=(16, 12)) for n in range(300)}
    watched.drop("many.zip", zipped(members))
    wait_for(lambda: watched.states("many.zip") == ["expanded"], what="the zip to be opened")
    watched.drop("single.jpg", picture("Single beside many"))
    wait_for(lambda: watched.states("single.jpg") == ["done"])
    finished = {
        job["name"]: job["finished_at"] or "9" for job in watched.jobs() if job["name"] in (*members, "single.jpg")
    }
    assert finished["single.jpg"] < max(finished.values())
    watched.wait_until("many.zip", "done")

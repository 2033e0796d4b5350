"""Zips: their members become photographs of their own; what cannot be taken stays whole, with its reasons."""

from __future__ import annotations

import io
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


def test_a_zip_with_a_bad_member_stays_whole_and_when_mended_gives_only_what_is_missing(watched: Home) -> None:
    good, mended = picture("Zip good"), picture("Zip mended")
    broken = zipped({"good.jpg": good, "bad.jpg": mended[:300], "letter.txt": b"Dear Anna"})
    watched.drop("mixed.zip", broken)
    watched.wait_until("mixed.zip", "failed")
    assert (watched.failed / "mixed.zip").read_bytes() == broken
    text = error_of(watched, "mixed.zip")
    assert "bad.jpg: " in text
    assert "letter.txt: it is not a picture" in text
    assert "good.jpg" not in text
    assert digest(good) in digests(watched)

    (watched.failed / "mixed.zip").unlink()
    watched.drop("mixed.zip", zipped({"good.jpg": good, "bad.jpg": mended}))
    watched.wait_until("mixed.zip", "failed", "done")
    assert watched.states("good.jpg") == ["done", "duplicate"]
    assert watched.states("bad.jpg") == ["failed", "done"]
    assert digest(mended) in digests(watched)
    assert not Path(f"{watched.failed / 'mixed.zip'}.error.txt").exists()


def test_the_same_zip_moved_back_is_tried_again_and_its_note_goes(watched: Home) -> None:
    broken = zipped({"back good.jpg": picture("Back good"), "back bad.jpg": b"nothing"})
    watched.drop("back.zip", broken)
    watched.wait_until("back.zip", "failed")
    (watched.failed / "back.zip").rename(watched.inbox / "back.zip")
    watched.wait_until("back.zip", "failed", "failed")
    assert watched.states("back good.jpg") == ["done", "duplicate"]
    assert (watched.failed / "back.zip").read_bytes() == broken
    assert sorted(path.name for path in watched.failed.glob("back*")) == ["back.zip", "back.zip.error.txt"]


def overlapping() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.jpg", picture("Overlap"))
        archive.writestr("b.jpg", picture("Overlap"))
        archive.filelist[1].header_offset = 0
    return target.getvalue()


def with_a_password() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("secret.jpg", picture("Secret"))
        archive.filelist[0].flag_bits |= 0x1
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("overlap.zip", overlapping(), "the zip's directory lies"),
        ("password.zip", with_a_password(), "encrypted; unpack the zip with its password"),
        ("nested.zip", zipped({"inner.zip": zipped({"x.jpg": b"x"})}), "a zip inside a zip; unpack it"),
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

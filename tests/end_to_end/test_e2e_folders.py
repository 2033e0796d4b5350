"""A dropped folder is one batch: what its batch.toml asks for, where its files were, and that it goes in the end."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.end_to_end.household import PATIENT, Home, digest, let_pass, wait_for
from tests.end_to_end.pictures import picture, zipped

OPTIONS = b"""
title = "By the lake"
keywords = ["swimming"]
shift = "1hr"
recipes = ["thumb"]
"""


def test_a_folder_is_a_batch_whose_files_are_found_by_where_they_were(watched: Home) -> None:
    watched.drop_folder("Summer", {"top.jpg": picture("S top"), "deep/er/below.jpg": picture("S below")})
    watched.wait_for_rest()
    top, below = watched.asset("top.jpg"), watched.asset("below.jpg")
    assert (top["batch"], top["folder"]) == ("Summer", "Summer")
    assert (below["batch"], below["folder"]) == ("Summer", "Summer/deep/er")
    assert set(watched.finds("summer")) == {"top.jpg", "below.jpg"}


def test_an_emptied_folder_goes_with_the_litter_of_systems_and_stays_with_anything_else(watched: Home) -> None:
    litter = (".DS_Store", "Thumbs.db", "deep/desktop.ini", "deep/._a.jpg")
    mine = (".keep", "deep/.hidden", "download.part")
    folders = {left: watched.inbox / f"emptied {number}" for number, left in enumerate((*litter, *mine))}
    for left, folder in folders.items():
        watched.drop_folder(folder.name, {"deep/a.jpg": picture(left), left: b"left"})
    last = watched.drop_folder("last", {"a.jpg": picture("Last")})
    wait_for(lambda: not any(folders[left].exists() for left in litter), what="the folders to go")
    wait_for(lambda: not last.exists(), what="the last folder to go")
    assert [(folders[left] / left).read_bytes() for left in mine] == [b"left"] * len(mine)
    assert not [path for path in watched.waiting() if path.startswith("emptied")]
    assert {digest(picture(left)) for left in folders} <= {row["digest"] for row in watched.assets()}


def test_what_batch_toml_asks_for_is_done_to_all_of_the_folder(watched: Home) -> None:
    watched.drop_folder("Lake", {"lake.jpg": picture("Lake"), "in/lake2.jpg": picture("L2"), "batch.toml": OPTIONS})
    watched.wait_for_rest()
    for name in ("lake.jpg", "lake2.jpg"):
        found = watched.asset(name)
        assert (found["title"], found["keywords"]) == ("By the lake", ["swimming"])
        assert found["taken_at"] == "2024-05-17T15:23:01"
        assert watched.key(found["path"]) == f"originals/2024/05/20240517-152301_{name}"
        assert set(found["renditions"]) == {"thumb"}
    assert watched.states("batch.toml")[-1] == "ignored"
    wait_for(lambda: not (watched.inbox / "Lake").exists(), what="the folder to go with its batch.toml")


def put(path: Path, content: bytes) -> None:
    """Write into a folder that the daemon may remove at any moment, since it has emptied it."""
    while True:
        path.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            path.write_bytes(content)
            return


def test_batch_toml_is_waited_for_while_it_is_written_and_then_counts_for_what_lay_there_before(tmp_path: Path) -> None:
    home = Home(tmp_path, intake=PATIENT)
    folder = home.inbox / "Slow"
    folder.mkdir()
    with home.running(), (folder / "batch.toml").open("wb") as writing:
        (folder / "early.jpg").write_bytes(picture("Early"))
        writing.write(OPTIONS)
        writing.flush()
        wait_for(lambda: "waiting until Slow/batch.toml is taken" in home.watcher("status").stdout.decode())
        writing.close()
        home.wait_until("early.jpg", "done")
        put(folder / "late.jpg", picture("Late"))
        home.wait_for_rest()
        assert [home.asset(name)["title"] for name in ("early.jpg", "late.jpg")] == ["By the lake"] * 2


@pytest.mark.parametrize("end", ["closed", "deleted"])
def test_who_waited_for_a_batch_toml_longer_than_for_any_file_goes_on_at_once(home: Home, end: str) -> None:
    folder = home.inbox / "Slow"
    folder.mkdir()
    with home.running(), (folder / "batch.toml").open("wb") as writing:
        writing.write(OPTIONS)
        writing.flush()
        (folder / "early.jpg").write_bytes(picture("Early"))
        wait_for(lambda: "waiting until Slow/batch.toml is taken: still open" in home.watcher("status").stdout.decode())
        let_pass(1.0)  # longer than incomplete_seconds: it is stuck
        if end == "deleted":
            (folder / "batch.toml").unlink()
        writing.close()
        home.wait_until("early.jpg", "done")
    assert home.asset("early.jpg")["title"] == ("By the lake" if end == "closed" else "Early")


def test_batch_toml_that_comes_last_counts_for_what_has_not_begun(home: Home) -> None:
    folder = home.inbox / "Slow"
    folder.mkdir()
    with home.running():
        (folder / "before.jpg").write_bytes(picture("Before"))
        home.wait_until("before.jpg", "done")
        put(folder / "batch.toml", b'prefix = "slow"')
        put(folder / "after.jpg", picture("After"))
        home.wait_for_rest()
    assert [Path(home.asset(name)["path"]).stem for name in ("before.jpg", "after.jpg")] == [
        "20240517-142301_before",
        "slow_01",
    ]


WRONG = {
    b'titel = "x"': "titel: unknown key",
    b"title = ": "is not valid TOML",
    b"\xff\xfe": "is not UTF-8 text",
    b'recipes = ["poster"]': 'there is no recipe "poster"',
    b'shift = "soon"': "is no shift",
}


def test_a_folder_whose_batch_toml_is_wrong_waits_in_failed_until_it_is_put_right(watched: Home) -> None:
    folders = {f"wrong {number}": options for number, options in enumerate(WRONG)}
    for name, options in folders.items():
        watched.drop_folder(name, {**wrongly_described(name), "batch.toml": options})
    watched.wait_for_rest()
    for name, options in folders.items():
        for path, content in {**wrongly_described(name), "batch.toml": options}.items():
            assert (watched.failed / name / path).read_bytes() == content
            note = (watched.failed / name / f"{path}.error.txt").read_text()
            assert f"{name}/batch.toml: " in note
            assert WRONG[options] in note
    wait_for(lambda: not any((watched.inbox / name).exists() for name in folders), what="the emptied folders to go")
    for name in folders:
        (watched.failed / name / "batch.toml").write_bytes(OPTIONS)
        (watched.failed / name).rename(watched.inbox / name)
    watched.wait_for_rest()
    titles = {row["digest"]: row["title"] for row in watched.assets()}
    for name in folders:
        assert {titles.get(digest(one)) for one in wrongly_described(name).values()} == {"By the lake"}
        assert not (watched.failed / name).exists()


def wrongly_described(name: str) -> dict[str, bytes]:
    return {"p1.jpg": picture(name), "in/p2.jpg": picture(f"{name} below")}


def test_a_zip_whose_batch_toml_is_wrong_goes_to_failed_whole(watched: Home) -> None:
    content = zipped({"zipped.jpg": picture("In a wrong zip"), "batch.toml": b"nonsense = 1"})
    watched.drop("wrong.zip", content)
    watched.wait_until("wrong.zip", "failed")
    assert (watched.failed / "wrong.zip").read_bytes() == content
    assert "nonsense: unknown key" in (watched.failed / "wrong.zip.error.txt").read_text()
    assert watched.jobs("zipped.jpg") == []


def test_the_batch_toml_of_a_zip_counts_for_its_members(watched: Home) -> None:
    watched.drop("right.zip", zipped({"in zip.jpg": picture("In a right zip"), "batch.toml": OPTIONS}))
    watched.wait_for_rest()
    found = watched.asset("in zip.jpg")
    assert (found["title"], found["batch"], set(found["renditions"])) == ("By the lake", "right.zip", {"thumb"})

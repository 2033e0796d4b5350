"""The end of a spool copy: deleted, or in failed/ with its reason beside it, wherever a crash came between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from watcher.intake import discards
from watcher.intake.discards import ERROR_SUFFIX, Report

FIRST_LINE = "photo-watcher could not take this file."
FOREIGN = "written by somebody else"
NASTY = (
    "日本 ö.jpg",
    "line\nbreak\r.jpg",
    "'\"\\ $(x).jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    "\x1b[31mred.jpg",
    "\u2028.jpg",
    "no suffix",
    ".jpg",
    "summer/beach/a.jpg",
    os.fsdecode(b"\xff\xfe/new\nline/") + "a.jpg",
    "d/" * 200 + "deep.jpg",
)


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "in" / ".watcher" / "spool").mkdir(parents=True)
    return str(tmp_path / "in")


def spool(root: str, content: str = "bytes") -> str:
    source = os.path.join(root, ".watcher", "spool", "copy")
    Path(source).write_text(content)
    return source


def report(job: int = 12, **changes: object) -> Report:
    plain: dict[str, object] = {"name": "a.jpg", "reason": "it is a letter", "attempts": 1, "finished_at": "now"}
    return Report(job, **{**plain, **changes})  # type: ignore[arg-type]


def make_files(root: str, tree: dict[str, str]) -> None:
    for path, content in tree.items():
        target = Path(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def read_files(root: str) -> dict[str, str]:
    """What lies below failed/, by path; error files of ours as "note of <job>"."""
    found = {}
    for folder, _, names in os.walk(os.path.join(root, "failed")):
        for name in names:
            path = os.path.join(folder, name)
            text = Path(path).read_text()
            lines = text.split("\n")
            ours = lines[0] == FIRST_LINE and next(line for line in lines if line.startswith("job: "))
            found[os.path.relpath(path, root)] = f"note of {ours[5:]}" if ours else text
    return found


def settled(place: str, content: str = "bytes", job: int = 12) -> dict[str, str]:
    return {place: content, place + ERROR_SUFFIX: f"note of {job}"}


# -- the move ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NASTY)
def test_a_failed_file_lies_under_its_own_path_with_its_note_beside_it(root: str, path: str) -> None:
    source = spool(root)
    assert discards.to_failed(root, source, path, report()) == f"failed/{path}"
    assert read_files(root) == settled(f"failed/{path}")
    assert not os.path.lexists(source)
    assert os.listdir(os.path.join(root, ".watcher")) == ["spool"]


@pytest.mark.parametrize(
    "name",
    ["n" * 245, "n" * 246, "n" * 255, "n" * 241 + ".jpg", "n" * 251 + ".jpg", "ö" * 125 + ".jpg", "é" * 127 + "x",
     "a." + "x" * 253, "日" * 85, os.fsdecode(b"\xff" * 255), "." + "x" * 254],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["", "summer/"])
def test_a_name_of_any_length_fits_with_its_note(root: str, name: str, folder: str) -> None:
    place = discards.to_failed(root, spool(root), folder + name, report())
    assert place is not None
    assert read_files(root) == settled(place)
    kept, suffix = os.path.splitext(os.path.basename(place))
    assert os.path.dirname(place) == f"failed/{folder}".rstrip("/")
    if len(os.fsencode(name)) <= 245:
        assert os.path.basename(place) == name
    else:
        assert "-12" in kept + suffix
    if os.fsencode(name).isascii() or name.isprintable():
        assert place.isprintable(), "no half characters"


def test_the_note_says_what_happened_and_what_to_do(root: str) -> None:
    members = [("a\nb.jpg", "it is damaged"), ("letter.txt", "it is\nno picture")]
    text = report(reason="2 of 9 members could not be read", attempts=3, members=members).text()
    assert text.split("\n") == [
        FIRST_LINE,
        "file: a.jpg",
        "job: 12",
        "reason: 2 of 9 members could not be read",
        "attempts: 3",
        "when: now",
        "members that were not taken (the others are safe):",
        "  a\\nb.jpg: it is damaged",
        "  letter.txt: it is\\nno picture",
        "To try again, move the file back into the inbox, or run: watcher retry 12",
        "To forget it, delete it. This note goes by itself.",
        "",
    ]


def test_nothing_in_a_name_or_a_reason_can_pass_for_a_line_of_its_own(root: str) -> None:
    evil = "x\njob: 99\r\njob: 98\u2028job: 97\x85job: 96\x0bjob: 95"
    first = spool(root, "first")
    discards.to_failed(root, first, "a.jpg", report(12, name=evil, reason=evil, members=[(evil, evil)]))
    assert read_files(root) == settled("failed/a.jpg", "first")
    lines = Path(root, "failed", "a.jpg" + ERROR_SUFFIX).read_text().splitlines()
    assert [line for line in lines if line.startswith("job:")] == ["job: 12"]


def test_a_reason_of_any_length_does_not_hide_whose_the_note_is(root: str) -> None:
    source = spool(root)
    place = discards.to_failed(root, source, "a.jpg", report(reason="long " * 50_000))
    assert discards.to_failed(root, source, "a.jpg", report()) == place


# -- names that are taken ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "place"),
    [
        ({"failed/b/a.jpg": "other"}, "failed/b/a-12.jpg"),
        ({"failed/b/a.jpg/inside.txt": "a folder has the name"}, "failed/b/a-12.jpg"),
        ({"failed/b/a.jpg.error.txt": FOREIGN}, "failed/b/a-12.jpg"),
        ({"failed/b/a.jpg.error.txt/inside.txt": "a folder has the note's name"}, "failed/b/a-12.jpg"),
        ({"failed/b/a.jpg": "other", "failed/b/a-12.jpg": "and this one"}, "failed/a-12.jpg"),
        ({"failed/b": "a file has the folder's name"}, "failed/a-12.jpg"),
    ],
)
def test_what_is_there_stays_and_the_file_goes_beside_it(root: str, there: dict[str, str], place: str) -> None:
    make_files(root, there)
    assert discards.to_failed(root, spool(root), "b/a.jpg", report()) == place
    assert read_files(root) == there | settled(place)


def test_two_files_that_fail_under_one_name_keep_a_note_each(root: str) -> None:
    discards.to_failed(root, spool(root, "first"), "a.jpg", report(12))
    assert discards.to_failed(root, spool(root, "second"), "a.jpg", report(13)) == "failed/a-13.jpg"
    assert read_files(root) == settled("failed/a.jpg", "first", 12) | settled("failed/a-13.jpg", "second", 13)


def test_a_dangling_link_is_in_the_way_like_a_file(root: str) -> None:
    os.mkdir(os.path.join(root, "failed"))
    os.symlink("nowhere", os.path.join(root, "failed", "a.jpg"))
    assert discards.to_failed(root, spool(root), "a.jpg", report()) == "failed/a-12.jpg"


@pytest.mark.parametrize(
    "there",
    [
        {"failed": "a file has the name of the folder"},
        {"failed/a.jpg": "1", "failed/a-12.jpg": "2"},
        {"failed/a.jpg.error.txt": FOREIGN, "failed/a-12.jpg.error.txt": FOREIGN},
    ],
)
def test_when_every_name_is_taken_the_file_stays_and_the_error_says_what_to_do(
    root: str, there: dict[str, str]
) -> None:
    make_files(root, there)
    source = spool(root)
    with pytest.raises(FileExistsError, match=r"^every name for it in .*failed is taken; move away"):
        discards.to_failed(root, source, "a.jpg", report())
    assert Path(source).read_text() == "bytes"
    assert {path: Path(root, path).read_text() for path in there} == there
    assert len(os.listdir(os.path.join(root, ".watcher"))) == 1, "no half-made note is left"


@pytest.mark.parametrize(
    "note",
    [
        f"{FIRST_LINE}\njob: 13\n",
        f"{FIRST_LINE}\njob: 12x\n",
        f"{FIRST_LINE}\njob: {'9' * 5000}\n",
        f"{FIRST_LINE}\njob: ١٢\n",
        f"{FIRST_LINE}\n job: 12\n",
        f"{FIRST_LINE}\n",
        f" {FIRST_LINE}\njob: 12\n",
        f"Dear Anna\n{FIRST_LINE}\njob: 12\n",
        "job: 12\n",
        "",
    ],
)
def test_only_a_note_that_names_the_job_in_our_own_words_counts_as_its_note(root: str, note: str) -> None:
    make_files(root, {"failed/a.jpg.error.txt": note})
    assert discards.to_failed(root, spool(root), "a.jpg", report(12)) == "failed/a-12.jpg"
    assert Path(root, "failed/a.jpg.error.txt").read_text() == note


# -- repeated after a crash --------------------------------------------------------------------------------------------


def test_deleting_may_be_repeated(root: str) -> None:
    source = spool(root)
    discards.delete(root, source)
    discards.delete(root, source)
    os.rmdir(os.path.dirname(source))
    discards.delete(root, source)
    assert not os.path.lexists(source)


@pytest.mark.parametrize("path", NASTY)
def test_a_move_that_lacks_only_its_mark_is_found_again(root: str, path: str) -> None:
    source = spool(root)
    place = discards.to_failed(root, source, path, report())
    before = read_files(root)
    assert discards.to_failed(root, source, path, report()) == place
    assert read_files(root) == before


@pytest.mark.parametrize("path", ["a.jpg", "b/a.jpg", "n" * 255])
def test_a_note_whose_file_has_not_followed_yet_is_used_again(root: str, path: str) -> None:
    source = spool(root)
    place = discards.to_failed(root, source, path, report())
    assert place is not None
    os.rename(os.path.join(root, place), source)
    assert discards.to_failed(root, source, path, report()) == place
    assert read_files(root) == settled(place)


def test_a_half_written_note_is_written_anew(root: str) -> None:
    make_files(root, {".watcher/error-12": "photo-watch"})
    discards.to_failed(root, spool(root), "a.jpg", report())
    assert read_files(root) == settled("failed/a.jpg")
    assert os.listdir(os.path.join(root, ".watcher")) == ["spool"]


def test_a_note_beside_which_another_file_has_come_to_lie_goes_with_its_own(root: str) -> None:
    source = spool(root)
    discards.to_failed(root, source, "a.jpg", report())
    os.rename(os.path.join(root, "failed/a.jpg"), source)
    make_files(root, {"failed/a.jpg": "somebody put this here meanwhile"})
    assert discards.to_failed(root, source, "a.jpg", report()) == "failed/a-12.jpg"
    assert read_files(root) == {
        "failed/a.jpg": "somebody put this here meanwhile",
        **settled("failed/a-12.jpg"),
    }


def test_when_the_inbox_cannot_be_written_the_file_stays_and_the_error_is_the_file_systems(root: str) -> None:
    source = os.path.join(root, "elsewhere")
    make_files(root, {"elsewhere": "bytes"})
    os.rmdir(os.path.join(root, ".watcher", "spool"))
    os.rmdir(os.path.join(root, ".watcher"))
    with pytest.raises(FileNotFoundError, match=r"\.watcher"):
        discards.to_failed(root, source, "a.jpg", report())
    assert Path(source).read_text() == "bytes"
    assert read_files(root) == {}


def test_without_a_spool_copy_or_a_trace_of_one_nothing_is_made(root: str) -> None:
    source = os.path.join(root, ".watcher", "spool", "never")
    assert discards.to_failed(root, source, "a.jpg", report()) is None
    assert not os.path.lexists(os.path.join(root, "failed"))


def test_somebody_elses_file_is_no_trace_of_a_former_move(root: str) -> None:
    make_files(root, {"failed/a.jpg": "other", "failed/a.jpg.error.txt": report(13).text()})
    source = os.path.join(root, ".watcher", "spool", "never")
    assert discards.to_failed(root, source, "a.jpg", report(12)) is None


# -- notes whose file is gone ------------------------------------------------------------------------------------------


def test_notes_without_their_file_go_with_the_folders_that_stay_empty(root: str) -> None:
    for job, path in enumerate(["a.jpg", "b/a.jpg", "b/c/a.jpg", "kept/a.jpg", "n" * 255], start=1):
        discards.to_failed(root, spool(root), path, report(job))
    kept = settled("failed/kept/a.jpg", job=4)
    for path in read_files(root).keys() - kept.keys():
        if not path.endswith(ERROR_SUFFIX):
            os.unlink(os.path.join(root, path))
    discards.sweep(root)
    assert read_files(root) == kept
    assert os.listdir(os.path.join(root, "failed")) == ["kept"]


def test_what_is_not_ours_is_never_swept(root: str) -> None:
    tree = {
        "failed/a.jpg.error.txt": FOREIGN,
        "failed/b.error.txt": f"Dear Anna,\n{FIRST_LINE}\n",
        "failed/.error.txt": "",
        "failed/c.jpg": "a file without a note",
        "elsewhere/d.jpg.error.txt": report().text(),
    }
    make_files(root, tree)
    os.mkfifo(os.path.join(root, "failed", "pipe.jpg.error.txt"))
    os.mkdir(os.path.join(root, "failed", "folder.jpg.error.txt"))
    Path(root, "failed", "folder.jpg.error.txt", "inside").write_text("x")
    os.symlink(os.path.join(root, "elsewhere", "d.jpg.error.txt"), os.path.join(root, "failed", "link.jpg.error.txt"))
    before = sorted(os.listdir(os.path.join(root, "failed")))
    discards.sweep(root)
    assert sorted(os.listdir(os.path.join(root, "failed"))) == before
    assert {path: Path(root, path).read_text() for path in tree} == tree


def test_a_sweep_without_anything_failed_is_fine(root: str) -> None:
    discards.sweep(root)
    assert sorted(os.listdir(root)) == [".watcher"]


def test_looking_at_notes_that_are_none_leaves_no_descriptor_open(root: str) -> None:
    os.makedirs(os.path.join(root, "failed", "a.jpg.error.txt"))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert not discards.is_ours(os.path.join(root, "failed", "a.jpg.error.txt"))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("path", NASTY)
def test_a_file_that_is_back_loses_its_note(root: str, path: str) -> None:
    place = discards.to_failed(root, spool(root), path, report())
    assert place is not None
    discards.forget_error(root, path)
    assert read_files(root) == settled(place), "it still lies there"
    os.unlink(os.path.join(root, place))
    discards.forget_error(root, path)
    assert read_files(root) == {}


def test_somebody_elses_note_stays_when_a_file_of_its_name_is_dropped(root: str) -> None:
    make_files(root, {"failed/a.jpg.error.txt": FOREIGN})
    discards.forget_error(root, "a.jpg")
    discards.forget_error(root, "never/seen.jpg")
    assert read_files(root) == {"failed/a.jpg.error.txt": FOREIGN}


@pytest.mark.parametrize(
    ("name", "content", "ours"),
    [
        ("a.jpg.error.txt", report().text(), True),
        ("a.jpg.txt", report().text(), False),
        ("a.jpg.error.txt", FOREIGN, False),
        ("a.jpg.error.txt", FIRST_LINE + " Or could it?\n", False),
        ("a.jpg.error.txt", "", False),
    ],
)
def test_our_notes_are_known_by_their_name_and_first_line(root: str, name: str, content: str, ours: bool) -> None:
    make_files(root, {name: content})
    assert discards.is_ours(os.path.join(root, name)) is ours


def test_what_an_archive_is_deleted_for_is_flushed_with_the_folders_made_for_it_the_second_time_too(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    source = spool(root)
    folders = [os.path.join(root, "failed", "trip.zip"), os.path.join(root, "failed"), root]
    for _ in range(2):  # the first may have been stopped before it had flushed
        assert discards.to_failed(root, source, "trip.zip/a.jpg", report(), flush=True) == "failed/trip.zip/a.jpg"
        assert flushed[-3:] == folders
        flushed.clear()

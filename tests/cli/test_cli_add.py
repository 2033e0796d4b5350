"""`watcher add`: what is copied into an inbox, under which names and rights, and that nothing half-done stays."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import warm
from tests.cli.batch_rows import make_files, read_files
from tests.end_to_end.household import wait_for
from watcher.settings import batchfile

ROOT = Path(__file__).parents[2]


class Person:
    """Someone with an inbox, a configuration and files beside it, who types `watcher add`; no library is there yet."""

    def __init__(self, root: Path) -> None:
        self.root, self.inbox = root, root / "inbox"
        self.inbox.mkdir()
        self.config = root / "watcher.toml"
        self.config.write_text(
            '[library]\npath = "library"\n[[inbox]]\nname = "phone"\npath = "inbox"\nkeywords = ["family"]\n'
            '[[inbox]]\nname = "card"\npath = "card"\n'
        )

    def line(self, command: str, *arguments: str | bytes) -> list[str | bytes]:
        return [sys.executable, "-m", "watcher", command, "--config", str(self.config), *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(self.root)}

    def types(self, *arguments: str | bytes, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        words = ["add", "--config", str(self.config), *arguments]
        return warm.run(words, self.environment(), self.root, 60, content)

    def adds(self, *arguments: str | bytes, content: bytes = b"") -> Path:
        """The folder that came of it in the first inbox."""
        done = self.types(*arguments, content=content)
        assert done.returncode == 0, done.stderr
        token = done.stdout.decode().strip()
        assert re.fullmatch("a-[a-z2-7]{10}", token)
        return self.inbox / ".watcher" / "ready" / token

    def has_nothing_added(self) -> bool:
        return not any((self.inbox / ".watcher").rglob("*/*"))


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


def test_files_lie_ready_with_their_bytes_and_times(person: Person) -> None:
    make_files(person.root, {"a.jpg": b"aa", "sub/b.jpg": b"b" * 3_000_000})
    os.utime(person.root / "a.jpg", ns=(10**18, 10**18 + 5))
    ready = person.adds("a.jpg", "sub/b.jpg")
    assert read_files(ready) == {"a.jpg": b"aa", "b.jpg": b"b" * 3_000_000, "batch.toml": b""}
    assert (ready / "a.jpg").stat().st_mtime_ns == 10**18 + 5
    assert (person.root / "a.jpg").exists()


def test_a_folder_keeps_its_name_and_tree_without_litter(person: Person) -> None:
    files = {
        "trip/a.jpg": b"a",
        "trip/in/b.jpg": b"b",
        "trip/.DS_Store": b"",
        "trip/__MACOSX/a": b"",
        "trip/c.part": b"",
    }
    make_files(person.root, files)
    assert read_files(person.adds("trip/")) == {"trip/a.jpg": b"a", "trip/in/b.jpg": b"b", "batch.toml": b""}


def test_links_and_pipes_in_a_folder_are_left_out_and_named(person: Person) -> None:
    make_files(person.root, {"trip/a.jpg": b"a", "secret/s.jpg": b"s"})
    (person.root / "trip/link.jpg").symlink_to("a.jpg")
    (person.root / "trip/away").symlink_to("../secret")
    os.mkfifo(person.root / "trip/pipe\x1b.jpg")
    done = person.types("trip", "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert (answer["files"], answer["bytes"], answer["inbox"]) == (1, 1, "phone")
    for words in (b"trip/link.jpg: a link", b"trip/away: a link", rb"trip/pipe\x1b.jpg: no regular file"):
        assert words in done.stderr


def test_a_link_that_a_person_names_is_the_file_it_leads_to(person: Person) -> None:
    make_files(person.root, {"real.jpg": b"r"})
    (person.root / "link.jpg").symlink_to("real.jpg")
    ready = person.adds("link.jpg")
    assert read_files(ready)["link.jpg"] == b"r"
    assert not (ready / "link.jpg").is_symlink()


def test_names_of_any_bytes_go_through(person: Person) -> None:
    make_files(person.root, {b"a\xff\n.jpg": b"a", "-x.jpg": b"x"})
    ready = person.adds(b"a\xff\n.jpg", "--", "-x.jpg")
    assert sorted(os.listdir(os.fsencode(ready))) == [b"-x.jpg", b"a\xff\n.jpg", b"batch.toml"]


def test_every_option_of_a_batch_is_written_down(person: Person) -> None:
    make_files(person.root, {"a.jpg": b"a"})
    ready = person.adds(
        *(
            "a.jpg",
            "--prefix",
            "lis",
            "--title",
            'T "{seq}"',
            "--description",
            "D",
            "--keyword",
            "sea",
            "--keyword",
            "x",
        ),
        *("--recipe", "thumb", "--shift", "-1d2hr3m4s", "--upright", "--touch"),
    )
    assert batchfile.read((ready / "batch.toml").read_bytes(), ["thumb"]) == {
        "recipes": ["thumb"],
        "title": 'T "{seq}"',
        "description": "D",
        "keywords": ["sea", "x"],
        "prefix": "lis",
        "shift": "-1d2hr3m4s",
        "upright": True,
        "touch": True,
    }


def test_a_batch_toml_that_comes_along_is_read_and_the_command_line_goes_first(person: Person) -> None:
    make_files(person.root, {"trip/a.jpg": b"a", "trip/batch.toml": b'title = "file"\nprefix = "lis"\n'})
    ready = person.adds("trip", "--title", "line")
    assert batchfile.read((ready / "batch.toml").read_bytes(), []) == {"title": "line", "prefix": "lis"}
    assert not (ready / "trip/batch.toml").exists()


def test_standard_input_is_a_file_with_a_name(person: Person) -> None:
    assert read_files(person.adds("-", "--name", "x.jpg", content=b"bytes"))["x.jpg"] == b"bytes"


def test_another_inbox_is_chosen_by_its_name_or_folder(person: Person) -> None:
    make_files(person.root, {"a.jpg": b"a", "card/.keep": b""})
    for word in ("card", str(person.root / "card")):
        token = person.types("a.jpg", "--inbox", word).stdout.decode().strip()
        assert (person.root / "card/.watcher/ready" / token / "a.jpg").exists()


def test_a_dry_run_says_what_would_be_added_and_writes_nothing(person: Person) -> None:
    make_files(person.root, {"trip/a.jpg": b"aaa", "trip/batch.toml": b"touch = true"})
    done = person.types("trip", "--dry-run")
    assert (done.returncode, done.stdout) == (0, b"3\ttrip/a.jpg\ntouch = true\n")
    answer = json.loads(person.types("trip", "--dry-run", "--json").stdout)
    assert answer == {
        "inbox": "phone",
        "files": [{"name": "trip/a.jpg", "bytes": 3}],
        "options": {"touch": True},
        "left_out": [],
    }
    assert os.listdir(person.inbox) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say what to add"),
        (("none.jpg",), "none.jpg cannot be added: No such file or directory"),
        (("a.jpg", "none.jpg"), "none.jpg cannot be added"),
        (("empty",), "empty holds nothing to add"),
        (("a.jpg", "other/a.jpg"), "two are called a.jpg"),
        (("/",), "/ cannot be added: it is no file, and no folder with a name"),
        (("pipe",), "pipe cannot be added"),
        (("-",), "- and --name go together"),
        (("a.jpg", "--name", "x.jpg"), "- and --name go together"),
        (("-", "--name", "x/y.jpg"), "is no file's name"),
        (("-", "--name", ".."), "is no file's name"),
        (("-", "--name", "x.jpg"), "nothing came in on standard input"),
        (("a.jpg", "--shift", "soon"), "shift: 'soon' is no shift"),
        (("a.jpg", "--prefix", "a/b"), "prefix: is the beginning of file names"),
        (("a.jpg", "--recipe", "poster"), 'recipes: there is no recipe "poster"'),
        (("wrong",), "wrong/batch.toml: titel: unknown key; did you mean title?"),
        (("good", "wrong"), "two have a batch.toml"),
        (("good/batch.toml",), "there is nothing to add"),
        (("a.jpg", "--inbox", "none"), "there is no inbox none; there are phone, card"),
        (("a.jpg", "--inbox", "card"), "card does not exist"),
        (("a.jpg", "--rendition", "thumb"), "--rendition goes with --wait only"),
        (("/proc/version",), "/proc/version cannot be added: it changed its size while it was copied"),
        (("a.jpg", "--wait", "--rendition", "poster"), "none of the renditions that these get: preview, thumb"),
    ],
)
def test_what_cannot_be_added_is_said_and_nothing_stays(
    person: Person, arguments: tuple[str, ...], sentence: str
) -> None:
    make_files(person.root, {"a.jpg": b"a", "other/a.jpg": b"b", "wrong/a.jpg": b"a", "good/b.jpg": b"b"})
    make_files(person.root, {"wrong/batch.toml": b"titel = 3", "good/batch.toml": b"touch = true"})
    (person.root / "empty").mkdir()
    os.mkfifo(person.root / "pipe")
    done = person.types(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert person.has_nothing_added()


def test_ctrl_c_while_it_copies_leaves_nothing(person: Person) -> None:
    adding = subprocess.Popen(
        person.line("add", "-", "--name", "x.jpg"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=person.environment(),
    )
    with adding:
        wait_for(lambda: any(person.inbox.rglob("x.jpg")))
        adding.send_signal(signal.SIGINT)
        out, complaint = adding.communicate(timeout=30)
    assert (adding.returncode, out) == (130, b"")
    assert b"Traceback" not in complaint
    assert person.has_nothing_added()


def test_what_a_killed_add_left_goes_after_a_day_unless_somebody_still_copies(person: Person) -> None:
    names = ("a-aaaaaaaaaa", "a-bbbbbbbbbb", "a-cccccccccc")
    old, used, new = (person.inbox / ".watcher/add" / name for name in names)
    make_files(person.root, {"a.jpg": b"a", **{f"inbox/.watcher/add/{name}/x.jpg": b"" for name in names}})
    for folder in (old, used):
        os.utime(folder, (time.time() - 90_000,) * 2)
    copying = os.open(used, os.O_RDONLY)
    try:
        fcntl.flock(copying, fcntl.LOCK_EX)
        person.adds("a.jpg")
    finally:
        os.close(copying)
    assert [folder.exists() for folder in (old, used, new)] == [False, True, True]


def test_whoever_may_drop_files_may_add_some_and_the_daemon_may_take_them(person: Person) -> None:
    make_files(person.root, {"trip/in/a.jpg": b"a"})
    (person.root / "trip/in/a.jpg").chmod(0o600)
    person.inbox.chmod(0o1777)
    ready = person.adds("trip")
    folders = (ready.parent, ready.parent.parent / "add", ready, ready / "trip", ready / "trip/in")
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o777}
    assert {stat.S_IMODE(path.stat().st_mode) for path in ready.rglob("*") if path.is_file()} == {0o666}


def test_an_inbox_whose_private_folder_leads_elsewhere_is_refused(person: Person) -> None:
    make_files(person.root, {"a.jpg": b"a", "elsewhere/.keep": b""})
    (person.inbox / ".watcher").symlink_to("../elsewhere")
    done = person.types("a.jpg")
    assert done.returncode == 2
    assert b"is a symbolic link" in done.stderr
    assert os.listdir(person.root / "elsewhere") == [".keep"]


def test_without_a_daemon_it_says_when_they_are_taken(person: Person) -> None:
    make_files(person.root, {"a.jpg": b"a"})
    done = person.types("a.jpg")
    assert b"no daemon is running; it is taken when watcher run starts" in done.stderr
    token = done.stdout.decode().strip()
    line = person.line("status", token, "--json")
    status = json.loads(subprocess.run(line, capture_output=True, env=person.environment(), check=True).stdout)
    assert (status["token"], status["state"], status["bytes"]) == (token, "queued", 1)


def test_waiting_ends_with_ctrl_c_and_the_files_stay_queued(person: Person) -> None:
    make_files(person.root, {"a.jpg": b"a"})
    line = person.line("add", "a.jpg", "--wait")
    waiting = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=person.environment(), cwd=person.root
    )
    with waiting:
        assert waiting.stdout
        token = waiting.stdout.readline().decode().strip()
        waiting.send_signal(signal.SIGINT)
        _, complaint = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert b"Traceback" not in complaint
    assert (person.inbox / ".watcher/ready" / token / "a.jpg").exists()


def test_waiting_ends_when_the_batch_is_cancelled_before_it_is_taken(person: Person) -> None:
    make_files(person.root, {"a.jpg": b"a"})
    line = person.line("add", "a.jpg", "--wait")
    waiting = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=person.environment(), cwd=person.root
    )
    with waiting:
        assert waiting.stdout
        token = waiting.stdout.readline().decode().strip()
        cancel = subprocess.run(
            person.line("cancel", token), capture_output=True, env=person.environment(), check=False
        )
        _, complaint = waiting.communicate(timeout=30)
    assert (cancel.returncode, waiting.returncode) == (0, 1), (cancel.stderr, complaint)
    assert (person.inbox / "failed" / token / "a.jpg").exists()

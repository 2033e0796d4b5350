"""What a worker cannot do any more once it stands behind its fence, tried in processes of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.executor_contract import collect, task
from watcher.executors import fence
from watcher.executors.pool import Pool
from watcher.messages import Rejected, Task, TaskResult

ROOT = Path(__file__).parents[2]
FENCED = fence.version() > 0  # a kernel without Landlock keeps the rights, and loses the privileges all the same

TRY = """
import json, os, sys
from watcher.executors import fence
library, inbox, secret, act = sys.argv[1:]
inside, spool = library + "/picture", inbox + "/.watcher/picture"
fenced = fence.step_behind([library, inbox + "/.watcher", library + "/is-not-there"])
try:
    exec(act)
    print(json.dumps([fenced, "done"]))
except OSError as error:
    print(json.dumps([fenced, error.strerror]))
"""

ALLOWED = {
    "read what was dropped": "open(spool).read()",
    "link it into the library": "os.link(spool, inside)",
    "rename it into the library": "os.rename(spool, inside)",
    "write, cut and delete there": "open(inside, 'w').write('x'); os.truncate(inside, 0); os.unlink(inside)",
    "make and remove a folder there": "os.mkdir(inside); os.rmdir(inside)",
    "import what has not been imported": "import wave, sqlite3, PIL.ImageMorph",
    "read a time zone": "import zoneinfo; zoneinfo.ZoneInfo('Europe/Vienna')",
    "start a program of the system": "import subprocess; subprocess.run(['true'], check=True)",
    "write to nowhere": "open('/dev/null', 'w').write('x')",
}
REFUSED = {
    "read a file of its user": "open(secret).read()",
    "read it through a link that was dropped": "os.lstat(inbox + '/.watcher/link'); open(inbox + '/.watcher/link')",
    "list a folder of its user": "os.listdir(os.path.dirname(secret))",
    "write beside the library": "open(secret + '-new', 'w')",
    "write in the inbox": "open(inbox + '/new.jpg', 'w')",
    "move a picture out": "os.rename(spool, inbox + '/picture')",
    "make a link in the library": "os.symlink(secret, inside)",
    "make a device or a pipe": "os.mkfifo(inside)",
    "change a program": "open(fence.__file__, 'a')",
    "let a program do it": "import subprocess; subprocess.run(['cp', secret, inside]).returncode and open(secret)",
}


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    for folder in ("library", "inbox/.watcher", "home"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "home/secret").write_text("a key")
    (tmp_path / "inbox/.watcher/picture").write_bytes(b"picture")
    (tmp_path / "inbox/.watcher/link").symlink_to(tmp_path / "home/secret")
    return [str(tmp_path / place) for place in ("library", "inbox", "home/secret")]


def tried(places: list[str], act: str) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", TRY, *places, act], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    answer: list[object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("what", ALLOWED)
def test_behind_the_fence_a_worker_can_still(what: str, places: list[str]) -> None:
    assert tried(places, ALLOWED[what]) == [FENCED, "done"]


@pytest.mark.parametrize("what", REFUSED)
def test_behind_the_fence_a_worker_cannot(what: str, places: list[str]) -> None:
    assert tried(places, REFUSED[what]) == [FENCED, "Permission denied" if FENCED else "done"]


def test_a_link_across_folders_has_the_same_inode(places: list[str]) -> None:
    before = os.stat(places[1] + "/.watcher/picture").st_ino
    assert tried(places, ALLOWED["link it into the library"]) == [FENCED, "done"]
    assert os.stat(places[0] + "/picture").st_ino == before


def test_no_program_that_a_worker_starts_has_more_rights(places: list[str]) -> None:
    act = "assert 'NoNewPrivs:\\t1' in open('/proc/self/status').read()"
    assert tried(places, act) == [FENCED, "done"]


@pytest.mark.parametrize("version", range(2, 6) if fence.version() >= 6 else [])
def test_an_older_kernel_is_asked_for_no_more_than_it_knows(version: int, places: list[str]) -> None:
    act = "open(secret)"
    code = TRY.replace("fenced =", f"fence.version = lambda: {version}\nfenced =")
    done = subprocess.run(
        [sys.executable, "-c", code, *places, act], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout) == [True, "Permission denied"]


def test_where_the_kernel_has_no_fence_work_goes_on(places: list[str]) -> None:
    code = TRY.replace("fenced =", "fence.version = lambda: 0\nfenced =")
    act = "assert 'NoNewPrivs:\\t1' in open('/proc/self/status').read(); open(secret)"
    done = subprocess.run(
        [sys.executable, "-c", code, *places, act], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout) == [False, "done"]


def look(task: Task) -> TaskResult:
    """Whether the file, or a server on the port, can be reached."""
    try:
        if task.name == "port":
            socket.create_connection(("127.0.0.1", int(task.source)), 5).close()
        elif task.name == "signal":
            os.kill(int(task.source), 0)
        else:
            Path(task.source).read_bytes()
    except OSError as error:
        return Rejected(task.job_id, task.attempt, str(error.strerror))
    return Rejected(task.job_id, task.attempt, "reached")


def test_workers_of_the_pool_stand_behind_it(tmp_path: Path, places: list[str]) -> None:
    library, inbox, secret = places
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        pool = Pool(look, 1, task_seconds=30, max_memory_bytes=0, recycle_after=0, lock_path=f"{tmp_path}/lock",
                    folders=[library, f"{inbox}/.watcher"])  # fmt: skip
        try:
            picture, daemon = f"{inbox}/.watcher/picture", str(os.getpid())
            asked = [("file", picture), ("file", secret), ("port", port), ("signal", daemon)]
            answers = collect(pool, [task(number, *one) for number, one in enumerate(asked)])
            said = {result.job_id: result.reason for result in answers if isinstance(result, Rejected)}
        finally:
            pool.close(0)
    assert said[0] == "reached"
    assert said[1] == ("Permission denied" if FENCED else "reached")
    assert said[2] == ("Permission denied" if fence.version() >= 4 else "reached")
    assert said[3] == ("Operation not permitted" if fence.version() >= 6 else "reached")


def test_after_a_renewal_workers_reach_what_was_put_in_a_folders_place(tmp_path: Path, places: list[str]) -> None:
    inbox = f"{places[1]}/.watcher"
    pool = Pool(look, 2, task_seconds=30, max_memory_bytes=0, recycle_after=0, lock_path=f"{tmp_path}/lock",
                folders=[inbox])  # fmt: skip
    try:
        collect(pool, [task(1, "file", f"{inbox}/picture")])
        os.rename(inbox, f"{inbox}-away")  # another folder in its place, as a mount would be
        os.mkdir(inbox)
        Path(inbox, "picture").write_bytes(b"another")
        before = pool.pids()
        pool.renew()
        (result,) = collect(pool, [task(2, "file", f"{inbox}/picture")])
        assert isinstance(result, Rejected) and result.reason == "reached"
        assert not set(before) & set(pool.pids())
    finally:
        pool.close(0)

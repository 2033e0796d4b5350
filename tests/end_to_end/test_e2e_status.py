"""What `watcher status` and systemd are told of a daemon that watches, and what it costs when nothing happens."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import get_args

import pytest

from tests.end_to_end.household import Home, let_pass, wait_for
from tests.end_to_end.pictures import picture
from watcher.model import State


def test_status_in_json_has_the_keys_that_programs_rely_on(watched: Home) -> None:
    watched.drop("counted.jpg", picture("Counted"))
    watched.wait_until("counted.jpg", "done")
    status = watched.json("status")
    assert list(status) == ["daemon", "jobs", "assets", "batches", "sidecars", "inboxes"]
    assert list(status["daemon"]) == ["running", "pid", "since"]
    assert status["daemon"]["running"] is True
    assert sorted(status["jobs"]) == sorted(get_args(State))
    assert (status["jobs"]["done"], status["assets"]) == (1, 1)
    (inbox,) = status["inboxes"]
    watch = ["fstype", "last_event", "last_scan", "unannounced"]
    assert list(inbox) == ["name", "path", "mode", "state", "reason", "waiting", *watch]
    assert inbox["path"] == str(watched.inbox)
    assert (inbox["name"], inbox["state"], inbox["reason"]) == ("phone", "watching", None)
    wait_for(lambda: watched.inbox_status()["waiting"] == 0)


def test_status_counts_and_names_the_files_that_wait_and_says_why(watched: Home) -> None:
    with (watched.inbox / "open.jpg").open("wb") as file:
        file.write(picture("Open")[:100])
        file.flush()
        wait_for(lambda: watched.waits("open.jpg", "still open for writing"))
        assert watched.inbox_status()["waiting"] == 1
        file.truncate(0)
    (watched.inbox / "open.jpg").unlink()
    wait_for(lambda: watched.inbox_status()["waiting"] == 0, what="a file that is gone to be forgotten")


def test_a_job_in_json_has_the_keys_that_programs_rely_on(watched: Home) -> None:
    watched.drop("keys.jpg", picture("Keys"))
    watched.wait_until("keys.jpg", "done")
    keys = ["id", "name", "inbox", "batch", "state", "attempt", "reason", "created_at", "finished_at", "asset_id"]
    assert all(list(job) == keys for job in watched.json("jobs"))


def test_an_idle_daemon_takes_no_processor_time(watched: Home) -> None:
    watched.drop("last.jpg", picture("Last before idleness"))
    watched.wait_until("last.jpg", "done")
    pid = watched.json("status")["daemon"]["pid"]
    let_pass(1.0)  # its last duties: the status file, emptied folders
    before = processor_seconds(pid)
    let_pass(2.0)
    assert processor_seconds(pid) - before < 0.1


def processor_seconds(session: int) -> float:
    """What all processes of a session have used so far (proc(5): fields 6, 14 and 15 of stat)."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def supervisor() -> Iterator[socket.socket]:
    """The socket that systemd would listen on; an abstract one, whose name may be short."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0photo-watcher-test-{os.getpid()}")
        channel.settimeout(20)
        yield channel


def test_systemd_hears_that_the_daemon_is_ready_alive_and_stopping(home: Home, supervisor: socket.socket) -> None:
    messages: list[str] = []

    def hear(wanted: str) -> None:
        while not (messages and messages[-1].startswith(wanted)):
            messages.append(supervisor.recv(4096).decode())

    address = "@" + supervisor.getsockname()[1:].decode()
    with home.running(NOTIFY_SOCKET=address, WATCHDOG_USEC="400000") as daemon:
        hear("STATUS=0 in work, 0 waiting")
        hear("READY=1")
        hear("WATCHDOG=1")
        hear("WATCHDOG=1")
        with (home.inbox / "open.jpg").open("wb") as file:
            file.write(b"the beginning")
            file.flush()
            hear("STATUS=0 in work, 1 waiting")
        daemon.process.terminate()
        hear("STOPPING=1")
        assert daemon.process.wait(20) == 0
    assert messages.index("READY=1") < messages.index("WATCHDOG=1") < messages.index("STOPPING=1")


def test_systemd_hears_which_inbox_is_paused_and_why(home: Home, supervisor: socket.socket) -> None:
    def hear(wanted: str) -> None:
        while not supervisor.recv(4096).decode().startswith(wanted):
            pass

    with home.running(NOTIFY_SOCKET="@" + supervisor.getsockname()[1:].decode()):
        away = home.inbox.rename(home.root / "away")
        hear(f"STATUS=phone is paused: The inbox {home.inbox} is not there (No such file or directory). Mount it")
        away.rename(home.inbox)
        hear("STATUS=0 in work, 0 waiting")

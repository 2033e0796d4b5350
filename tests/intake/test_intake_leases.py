import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher.intake.leases import ignore_lease_breaks, open_for_writing, trusted


@pytest.fixture(autouse=True)
def no_sigio() -> Iterator[None]:
    before = signal.getsignal(signal.SIGIO)
    ignore_lease_breaks()
    yield
    signal.signal(signal.SIGIO, before)


def asked(path: Path) -> bool | None:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return open_for_writing(fd)
    finally:
        os.close(fd)


def test_tests_run_where_leases_are_trusted(tmp_path: Path) -> None:
    assert trusted(str(tmp_path))
    assert not trusted("/proc")
    assert not trusted(str(tmp_path / "nowhere"))


def test_nobody_or_readers_only_is_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    with path.open("rb"):
        assert asked(path) is False


def test_a_writer_in_another_process_is_seen_also_through_a_hard_link(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    os.link(path, tmp_path / "other name")
    code = "import sys; f = open(sys.argv[1], 'ab'); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "other name")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout and writer.stdout.readline() == b"open\n"
        assert asked(path) is True
        writer.communicate()
    assert asked(path) is False


def test_the_lease_is_given_back_at_once_so_that_a_writer_need_not_wait(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    fd = os.open(path, os.O_RDONLY)
    assert open_for_writing(fd) is False
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))  # EWOULDBLOCK if the lease still stood
    os.close(fd)

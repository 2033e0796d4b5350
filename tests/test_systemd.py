import configparser
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from watcher import settings
from watcher.systemd import Notifier

ROOT = Path(__file__).parent.parent
UNITS = [ROOT / "systemd/watcher.service", ROOT / "systemd/user/watcher.service"]
ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture(params=["path", "abstract"])
def supervisor(request, tmp_path):
    """A socket as systemd listens on one, and the NOTIFY_SOCKET that names it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@watcher-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1) if request.param == "abstract" else name)
        listening.settimeout(10)
        yield listening, name


def test_the_supervisor_hears_what_happens(supervisor):
    listening, name = supervisor
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.status("3 files waiting\nREADY=1 caf\udce9")
    notifier.watchdog()
    notifier.stopping()
    assert [listening.recv(4096) for _ in range(4)] == [
        b"READY=1",
        rb"STATUS=3 files waiting READY=1 caf\xe9",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_a_long_status_arrives_cut_off_and_still_as_text(supervisor):
    listening, name = supervisor
    Notifier({"NOTIFY_SOCKET": name}).status("ä" * 100_000)
    status = listening.recv(1_000_000).decode()
    assert status.startswith("STATUS=ää") and len(status) < 4096


@pytest.mark.parametrize("name", ["", "/no/such/socket", "relative", "vsock:2:1234", "/" + "x" * 300, "@"])
def test_without_a_supervisor_nothing_happens(name):
    for environment in ({"NOTIFY_SOCKET": name}, {}):
        notifier = Notifier(environment)
        notifier.ready()
        notifier.status("x")
        notifier.watchdog()
        notifier.stopping()


def test_a_supervisor_that_does_not_read_holds_nobody_up(supervisor):
    listening, name = supervisor
    notifier = Notifier({"NOTIFY_SOCKET": name})
    for _ in range(2000):  # far more than a socket's queue holds: a call that waits would never come back
        notifier.watchdog()
    assert listening.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "120000000"}, 60),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid())}, 60),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time_when_it_asks_for_us(environment, seconds):
    assert Notifier(environment).watchdog_seconds == seconds


def directives(unit: Path) -> dict[str, list[str]]:
    """The values of each key of [Service], in their order."""
    found: dict[str, list[str]] = {}
    service = unit.read_text(encoding="utf-8").split("[Service]")[1].split("[Install]")[0]
    for line in service.splitlines():
        if line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS, ids=["system", "user"])
def test_a_unit_holds_what_the_daemon_relies_on(unit):
    configparser.RawConfigParser(strict=False).read_string(unit.read_text(encoding="utf-8"))
    service = directives(unit)
    assert service["Type"] == ["notify"]
    assert service["NotifyAccess"] == ["main"]
    assert service["KillMode"] == ["mixed"]
    assert service["RestartPreventExitStatus"] == ["2"]
    assert "WatchdogSec" in service and "watcher run" in service["ExecStart"][0]


def test_a_stop_has_more_time_than_the_workers_are_given():
    production = settings.load(str(ROOT / "config/production.toml"), environment={}).settings
    default = settings.load(str(ROOT / "config/watcher.toml"), environment={}).settings
    for unit, now in zip(UNITS, (production, default), strict=True):
        seconds = float(directives(unit)["TimeoutStopSec"][0].removesuffix("s"))
        assert seconds > now.workers.stop_seconds


def test_the_service_may_write_where_its_configuration_points():
    now = settings.load(str(ROOT / "config/production.toml"), environment={}).settings
    service = directives(UNITS[0])
    writable = [*service["ReadWritePaths"], *(f"/var/lib/{name}" for name in service["StateDirectory"][0].split())]
    for folder in [now.library.path, *(inbox.path for inbox in now.inbox)]:
        assert any(folder.startswith(place) for place in writable), folder
    assert "--config /etc/watcher/watcher.toml" in service["ExecStart"][0]


if ANALYZE:  # elsewhere the tests above still read the units

    @pytest.mark.parametrize("unit", UNITS, ids=["system", "user"])
    def test_systemd_finds_nothing_to_say_about_a_unit(unit):
        scope = ["--user"] if unit.parent.name == "user" else []
        with tempfile.TemporaryDirectory(dir="/tmp") as short:  # a socket's name in it may have 107 bytes, unix(7)
            done = subprocess.run(
                [ANALYZE, *scope, "verify", str(unit)],
                env={**os.environ, "XDG_RUNTIME_DIR": short},
                capture_output=True,
                text=True,
                check=False,
            )
        # unknown keys do not change the exit code
        assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)

    def test_systemd_counts_the_service_as_hardened():
        done = subprocess.run(
            [ANALYZE, "security", "--offline=true", "--threshold=15", str(UNITS[0])],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

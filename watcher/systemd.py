"""What systemd is told: ready, stopping, alive, a line of status. The protocol of sd_notify(3).

Outside systemd every call does nothing. None raises or waits: the work never depends on its supervisor.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

from watcher.model import shown

STATUS_BYTES = 2000  # a datagram that is too long would be lost whole


class Notifier:
    """The way to the supervisor that `environment` names (NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID)."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_seconds = _watchdog_seconds(environment)

    def ready(self) -> None:
        """The start is over: files that arrive from now on are seen."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; a line break would begin another message."""
        line = " ".join(shown(text).split())
        self._send("STATUS=" + line.encode()[:STATUS_BYTES].decode(errors="ignore"))

    def stopping(self) -> None:
        """The stop has begun."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """Still alive; due every `watchdog_seconds`."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(message.encode(), self._address)


def _address(name: str) -> bytes:
    """The socket's address: a path, or an abstract name with an @ for its NUL. Empty: there is none."""
    raw = os.fsencode(name)
    return b"\0" + raw[1:] if raw.startswith(b"@") else raw if raw.startswith(b"/") else b""


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """How often to say that we live: half of what is allowed (sd_watchdog_enabled(3)); None: not asked."""
    try:
        allowed = int(environment["WATCHDOG_USEC"])
        asked = int(environment.get("WATCHDOG_PID") or os.getpid())
    except (KeyError, ValueError):
        return None
    return allowed / 2_000_000 if allowed > 0 and asked == os.getpid() else None

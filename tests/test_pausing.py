"""When everything waits: how long, and what the log hears of it."""

from __future__ import annotations

import logging

import pytest

from watcher.pausing import Pause


def test_the_log_hears_of_a_reason_once_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pause = Pause()
    for _ in range(3):
        pause.begin("the disk is full")
    assert (pause.reason, pause.failures, pause.is_over()) == ("the disk is full", 3, False)
    pause.forget()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_what_is_tolerated_is_said_when_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    pause = Pause()
    for _ in range(3):
        pause.begin("busy", tolerated=3)
        assert pause.reason == "busy"  # who asks for the status is told at once
    assert not caplog.records
    pause.begin("busy", tolerated=3)
    assert [record.message for record in caplog.records] == ["busy; nothing is lost, it goes on by itself"]


def test_what_passed_in_time_is_never_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    pause = Pause()
    for _ in range(4):
        pause.begin("busy", tolerated=3)
        pause.forget()
    assert not caplog.records

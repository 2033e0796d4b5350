import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from watcher.logs import printable

ROOT = Path(__file__).parent.parent


def lines_of(program: str, level: str = "info", form: str = "text", **environment: str) -> list[str]:
    """What a process of its own writes to stderr; nothing may go to stdout."""
    start = f"import logging; from watcher import logs; log = logging.getLogger('watcher.test')\n{program}"
    start = start.replace("SET_UP", f"logs.set_up({level!r}, {form!r})")
    clean = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    done = subprocess.run(
        [sys.executable, "-c", start], cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_a_line_for_people_has_the_time_the_event_the_words_and_the_job():
    (line,) = lines_of("SET_UP; logs.event(log, 'claimed', 'took IMG_1.jpg', job_id=7, size=3)")
    clock, rest = line.split(" ", 1)
    assert len(clock) == 8 and clock.count(":") == 2
    assert rest == "claimed took IMG_1.jpg (job 7)"


def test_a_line_for_programs_has_every_field():
    (line,) = lines_of("SET_UP; logs.event(log, 'claimed', 'took it', job_id=7, size=3)", form="json")
    fields = json.loads(line)
    time = fields.pop("time")
    assert time[10] == "T" and time.endswith("Z")
    assert fields == {"level": "info", "event": "claimed", "job_id": 7, "message": "took it", "size": 3}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_name_from_outside_cannot_break_the_line_or_steer_the_terminal(form):
    name = "a\\nb\\x1b[31m\\u202e\\udce9.jpg"
    (line,) = lines_of(f"SET_UP; logs.event(log, 'failed', '{name}', name='{name}')", form=form)
    assert line.isprintable()
    if form == "json":
        assert json.loads(line)["name"] == "a\nb\x1b[31m\u202e\\xe9.jpg"
    else:
        assert line.endswith(r"failed a\nb\x1b[31m\u202e\xe9.jpg")


def test_names_in_any_script_stay_as_they_are():
    assert printable("Größe 写真 👩‍🚀 عيد") == "Größe 写真 👩‍🚀 عيد"


def test_the_level_holds_for_our_events_and_libraries_speak_from_warnings_up():
    program = (
        "SET_UP; logs.event(log, 'fine', 'x', level=logging.DEBUG);"
        "logging.getLogger('library').info('chatter'); logging.getLogger('library').warning('trouble')"
    )
    assert [line.split(" ", 1)[1] for line in lines_of(program, level="debug")] == ["fine x", "warning trouble"]
    assert [line.split(" ", 1)[1] for line in lines_of(program)] == ["warning trouble"]


def test_an_exception_is_words_for_people_and_a_traceback_for_programs():
    program = "SET_UP\ntry: 1 / 0\nexcept ZeroDivisionError: log.exception('lost')"
    (line,) = lines_of(program)
    assert line.endswith("error lost (ZeroDivisionError: division by zero)")
    (line,) = lines_of(program, form="json")
    assert "Traceback" in json.loads(line)["traceback"]


def test_in_the_journal_a_line_has_its_priority_and_no_time(tmp_path):
    program = (
        "import logging, os; from watcher import logs; status = os.fstat(2);"
        "logs.set_up('info', 'text', {'JOURNAL_STREAM': f'{status.st_dev}:{status.st_ino}'});"
        "log = logging.getLogger('watcher'); logs.event(log, 'ready', 'watching');"
        "logs.event(log, 'failed', 'no', level=logging.ERROR)"
    )
    with open(tmp_path / "log", "wb") as log:
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, stderr=log, check=True)
    assert (tmp_path / "log").read_text() == "<6>ready watching\n<3>failed no\n"


def test_a_shell_that_inherited_the_journals_variable_is_no_journal():
    (line,) = lines_of("SET_UP; logs.event(log, 'ready', 'watching')", JOURNAL_STREAM="1:2")
    assert not line.startswith("<")


def test_a_log_that_cannot_be_written_stops_nobody():
    program = (
        "import logging, os; from watcher import logs; logs.set_up('info', 'text');"
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 2); logs.event(logging.getLogger('watcher'), 'ready', 'x');"
        "print('went on', flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "went on\n")

"""The ways into an inbox that is only scanned: what events tell of elsewhere is found here all the same.

The scenes are those of an inbox that is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end import test_e2e_ways_in as ways
from tests.end_to_end.household import Home, wait_for
from tests.end_to_end.pictures import picture

Scene = Callable[[Home], None]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A household whose inbox is scanned, for all tests of the module."""
    home = Home(tmp_path_factory.mktemp("scanned"))
    home.config.write_text(home.config.read_text().replace("[intake]", 'mode = "scan"\n[intake]', 1))
    with home.running():
        yield home


def test_it_is_scanned_and_says_so(scanned: Home) -> None:
    wait_for(lambda: scanned.inbox_status()["last_scan"], what="the first scan to have ended")
    status = scanned.inbox_status()
    assert (status["mode"], status["state"], status["reason"]) == ("scan", "scanning", None)
    assert (status["last_event"], status["unannounced"]) == (None, None)


def test_pictures_are_taken_once_and_whole_however_they_come(scanned: Home) -> None:
    contents = {}
    for way in (ways.copied_with_its_times, ways.moved, ways.synchronised, ways.downloaded, ways.linked):
        name = f"{way.__name__}.jpg"
        contents[name] = picture(f"Lantern {name}")
        outside = scanned.root / name
        outside.write_bytes(contents[name])
        way(outside, scanned.inbox / name)
    scanned.assert_taken_once(contents)


@pytest.mark.parametrize(
    "scene",
    [
        ways.test_files_of_a_folder_that_is_moved_in_are_taken_and_the_folder_goes,
        ways.test_litter_and_hidden_files_stay,
        ways.test_a_link_and_a_pipe_stay_and_status_says_so,
    ],
)
def test_it_goes_as_where_events_tell(scanned: Home, scene: Scene) -> None:
    scene(scanned)


def test_a_file_is_not_taken_before_its_slow_writer_has_closed_it(scanned: Home) -> None:
    writers: list[ways.Writer] = []

    def start(path: Path) -> ways.Writer:
        writers.append(ways.Writer(path))
        return writers[-1]

    try:
        ways.test_a_whole_picture_waits_as_long_as_somebody_has_it_open(scanned, start)
    finally:
        for writer in writers:
            writer.close()

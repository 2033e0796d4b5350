"""Real camera files through the real daemon: their facts in `show --json` are those that exiftool reads."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.household import Home, digest, wait_for

pytestmark = pytest.mark.corpus

FILES = [
    "Apple iPhone 4.jpg",
    "Canon EOS 7D.jpg",
    "Canon EOS D60.jpg",
    "FujiFilm DX-10.jpg",
    "HTC Desire.jpg",
    "67-0_length_string.jpg",
    "Google.jpg",
    "MWG.jpg",
    "ExifTool.tif",
]
# exiftool's name -> ours; words are compared as words, numbers as numbers
FACTS = {"Make": "camera_make", "Model": "camera_model", "ISO": "iso", "LensModel": "lens", "Rating": "rating"}


def test_facts_of_camera_files_are_those_that_exiftool_reads(watched: Home, corpus: Path) -> None:
    with (corpus / "MANIFEST.tsv").open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    for name in FILES:
        shutil.copy2(corpus / "metadata" / name, watched.inbox / name)
    wait_for(lambda: len(watched.assets()) == len(FILES), 40, what="all camera files to be in the catalog")
    shown = {asset["name"]: asset for asset in watched.json("show", *FILES)}
    for name in FILES:
        row = rows[f"metadata/{name}"]
        assert shown[name]["digest"] == row["sha256"] == digest(Path(shown[name]["path"]).read_bytes())
        expected: dict[str, Any] = json.loads(row["expected_facts_exiftool_12.57_n"])
        for theirs, ours in FACTS.items():
            if theirs in expected:
                assert shown[name][ours] == expected[theirs], (name, ours)
        if "DateTimeOriginal" in expected:
            date, time = expected["DateTimeOriginal"].split()
            assert shown[name]["taken_at"][:19] == f"{date.replace(':', '-')}T{time}", name
        if "GPSLatitude" in expected:
            assert shown[name]["latitude"] == pytest.approx(expected["GPSLatitude"]), name
        assert {shown[name]["width"], shown[name]["height"]} == {expected["ImageWidth"], expected["ImageHeight"]}
    assert watched.finds("canon", "7d") == ["Canon EOS 7D.jpg"]

"""Names that state a date, and names that only hold digits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.processing import filenames, moments


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("IMG_20240517_142301.jpg", "2024-05-17T14:23:01"),
        ("IMG_20240517_142301_HDR.jpg", "2024-05-17T14:23:01"),
        ("IMG_20240517_142301(1).jpg", "2024-05-17T14:23:01"),
        ("VID_20240517_142301.mp4", "2024-05-17T14:23:01"),
        ("MVIMG_20240517_142301.jpg", "2024-05-17T14:23:01"),
        ("20240517_142301.jpg", "2024-05-17T14:23:01"),
        ("20240517-142301_IMG_1234.jpg", "2024-05-17T14:23:01"),
        ("DSC_20240517_142301.jpg", "2024-05-17T14:23:01"),
        ("Screenshot_20240517-142301.png", "2024-05-17T14:23:01"),
        ("Screenshot_20240517-142301_Chrome.png", "2024-05-17T14:23:01"),
        ("Screenshot 2024-05-17 at 14.23.01.png", "2024-05-17T14:23:01"),
        ("Screenshot 2024-05-17 at 2.23.01 PM.png", "2024-05-17T14:23:01"),
        ("Screenshot 2024-05-17 at 12.23.01\u202fAM.png", "2024-05-17T00:23:01"),
        ("Screenshot from 2024-05-17 14-23-01.png", "2024-05-17T14:23:01"),
        ("Bildschirmfoto_2024-05-17-14-23-01.png", "2024-05-17T14:23:01"),
        ("2024-05-17 14.23.01.jpg", "2024-05-17T14:23:01"),
        ("signal-2024-05-17-142301.jpg", "2024-05-17T14:23:01"),
        ("signal-2024-05-17-14-23-01-123.jpg", "2024-05-17T14:23:01.123"),
        ("WhatsApp Image 2024-05-17 at 14.23.01.jpeg", "2024-05-17T14:23:01"),
        ("photo_2024-05-17_14-23-01.jpg", "2024-05-17T14:23:01"),
        ("WIN_20240517_14_23_01_Pro.jpg", "2024-05-17T14:23:01"),
        ("IMG20240517142301.jpg", "2024-05-17T14:23:01"),
        ("DJI_20240517142301_0001_D.JPG", "2024-05-17T14:23:01"),
        ("00000IMG_00000_BURST20240517142301123_COVER.jpg", "2024-05-17T14:23:01.123"),
        ("写真\udcff_20240517_142301.jpg", "2024-05-17T14:23:01"),
        ("IMG-20240517-WA0001.jpg", "2024-05-17"),
        ("2024-05-17.jpg", "2024-05-17"),
        ("2024-05-17-001.jpg", "2024-05-17"),
        ("2024-05-17 Birthday.jpg", "2024-05-17"),
        ("Oma, 1931-12-24.tif", "1931-12-24"),
        ("1987-06 Summer.tif", "1987-06"),
        ("1987-06.tif", "1987-06"),
    ],
)
def test_a_date_in_a_name_is_read(name: str, text: str) -> None:
    assert filenames.date(name) == (text, False)


@pytest.mark.parametrize(
    "name", ["PXL_20240517_142301123.jpg", "PXL_20240517_142301123.MP.jpg", "pxl_20240517_142301123~2.jpg"]
)
def test_a_pixels_name_is_in_utc(name: str) -> None:
    assert filenames.date(name) == ("2024-05-17T14:23:01.123", True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "IMG_1234.jpg",
        "DSC_20240517.jpg",
        "20240517.jpg",
        "20240517142301.jpg",
        "IMG_20241317_142301.jpg",
        "IMG_20240230_142301.jpg",
        "IMG_20240517_256199.jpg",
        "120240517_142301.jpg",
        "20240517_1423011.jpg",
        "IMG20240517142301999999.jpg",
        "+49 1520 240517-142301.jpg",
        "555-2011-02-03.jpg",
        "12024-05-17.jpg",
        "1987-13 Summer.tif",
        "1987-06-1.tif",
        "1987.tif",
        "2000 leagues.jpg",
        "Scan 1987-06.tif",
        "IMG-20240517-0001.jpg",
        "FB_IMG_1715955781000.jpg",
        "a3f2024-05-17b.jpg",
        "\uff12\uff10\uff12\uff14-05-17.jpg",
    ],
)
def test_digits_that_are_no_date_say_nothing(name: str) -> None:
    assert filenames.date(name) is None


@given(st.text(alphabet="0123456789-_ .:PXLIMGWAatpm\n", max_size=300))
@settings(max_examples=300, deadline=None)
def test_what_is_found_in_a_name_is_always_a_date(name: str) -> None:
    found = filenames.date(name)
    assert found is None or moments.parsed(found.text) is not None

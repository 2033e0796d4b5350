"""Names in the library: valid for any name that a file can have, and the same for every try."""

from __future__ import annotations

import os
import unicodedata
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.model import Format, SidecarKind
from watcher.processing import naming

TEMPLATE = "{taken:%Y}/{taken:%m}/{taken:%Y%m%d-%H%M%S}_{stem}"
TAKEN = datetime(2024, 5, 17, 14, 23, 1)
DIGEST = "0123456789abcdef" * 4
FORMATS = tuple(naming.SUFFIXES)

# any text, the bytes of any file name as os.fsdecode gives them, and the letters that names trip over
bytes_of_names = st.binary(max_size=255).map(os.fsdecode)
awkward = st.text(st.sampled_from("./\\-_ \0\n\x1b\x7f\u202e\u0301e\u2028é\U0001f4f7\ufeffa"), max_size=300)
names = st.one_of(st.text(max_size=300), bytes_of_names, awkward)


def key(name: str, *, taken: datetime | None = TAKEN, format: Format = "jpeg", template: str = TEMPLATE) -> str:
    return naming.original_key(template, name, taken, format, DIGEST)


def is_valid(component: str) -> bool:
    return (
        0 < len(component.encode()) <= 255
        and unicodedata.is_normalized("NFC", component)
        and not any(unicodedata.category(c) in ("Cc", "Cs") for c in component)
        and component[0] not in ".- "
        and "/" not in component
    )


@given(
    names, st.sampled_from((TAKEN, None)), st.sampled_from(FORMATS), st.sampled_from((TEMPLATE, "a{stem}", "{stem}"))
)
def test_any_name_gives_valid_components(name: str, taken: datetime | None, format: Format, template: str) -> None:
    original = key(name, taken=taken, format=format, template=template)
    for one in naming.candidates(original, DIGEST):
        assert one.startswith("originals/")
        assert one.lower().endswith(naming.SUFFIXES[format])
        for rendition in (one, naming.rendition_key("preview", one), naming.rendition_key("preview", one, "webp")):
            assert all(is_valid(component) for component in rendition.split("/")), rendition
    assert original == key(name, taken=taken, format=format, template=template)


@given(names)
def test_two_contents_of_one_name_never_share_a_key(name: str) -> None:
    others = {*naming.candidates(key(name), DIGEST)} & {*naming.candidates(key(name), "f" * 64)}
    assert others <= {key(name)}
    assert len(set(naming.candidates(key(name), DIGEST))) >= 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_1234.jpg", "20240517-142301_IMG_1234.jpg"),
        ("IMG_1234.JPG", "20240517-142301_IMG_1234.jpg"),
        ("IMG_1234.jpeg", "20240517-142301_IMG_1234.jpeg"),
        ("IMG_1234.png", "20240517-142301_IMG_1234.jpg"),
        ("IMG_1234", "20240517-142301_IMG_1234.jpg"),
        ("holiday.2024", "20240517-142301_holiday.2024.jpg"),
        (".hidden.jpg", "20240517-142301_hidden.jpg"),
        ("-rf.jpg", "20240517-142301_rf.jpg"),
        (" .x.jpg", "20240517-142301_x.jpg"),
        ("...jpg", "20240517-142301_unnamed.jpg"),
        ("a\nb\x1b[2J.jpg", "20240517-142301_a_b_[2J.jpg"),
        ("caf\udce9.jpg", "20240517-142301_caf_.jpg"),
        ("e\u0301te\u0301.jpg", "20240517-142301_été.jpg"),
        ("photo\u202egpj.exe", "20240517-142301_photo_gpj.exe.jpg"),
        ("日本.jpg", "20240517-142301_日本.jpg"),
    ],
)
def test_a_dropped_name_becomes_a_library_name(name: str, expected: str) -> None:
    assert key(name) == f"originals/2024/05/{expected}"


def test_an_undated_picture_goes_under_undated() -> None:
    assert key("IMG_1.jpg", taken=None) == "originals/undated/IMG_1.jpg"
    assert key("IMG_1.jpg", taken=None, template="all/{stem}") == "originals/all/IMG_1.jpg"


def test_a_stem_that_ends_like_a_picture_takes_the_digest() -> None:
    assert key("IMG_1.png.jpg", taken=None) == "originals/undated/IMG_1.png-01234567.jpg"


def test_the_rendition_of_one_original_is_never_that_of_another() -> None:
    keys = [key("IMG_1.png", taken=None, format="png"), key("IMG_1.png.jpg", taken=None), key("IMG_1.jpg", taken=None)]
    renditions = [naming.rendition_key("preview", one) for one in keys]
    assert renditions == [
        "preview/undated/IMG_1.png.jpg",
        "preview/undated/IMG_1.png-01234567.jpg",
        "preview/undated/IMG_1.jpg",
    ]


def test_a_long_name_is_shortened_before_its_suffix_with_the_first_digits_of_the_digest() -> None:
    name = key("é" * 127 + ".jpeg", taken=None).rpartition("/")[2]
    assert name.endswith("é-01234567.jpeg")
    assert len(name.encode()) <= 255 - len(".jpeg-01234567")
    assert key("é" * 127 + ".jpeg", taken=None) == key("é" * 127 + ".jpeg", taken=None)


def test_a_taken_name_gets_eight_digits_and_then_all() -> None:
    assert list(naming.candidates("originals/a.jpg", DIGEST)) == [
        "originals/a.jpg",
        "originals/a-01234567.jpg",
        f"originals/a-{DIGEST}.jpg",
    ]


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE,
        "{stem}",
        "{folder}/{stem}",
        "{batch}_{taken:%H}",
        "{taken:%Y-%m}/{stem}",
        "a{{b}}/{stem}",
        "{taken:%Y%m%d%H%M%S}",
    ],
)
def test_a_good_template_is_accepted(template: str) -> None:
    assert naming.check_template(template) is None


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{camera}", "{camera} is no field of a name; there are {taken}, {stem}, {folder}, {batch}"),
        ("{stem!r}", "{stem} is no field of a name; there are {taken}, {stem}, {folder}, {batch}"),
        ("{stem:>10}", "{stem} takes no format"),
        ("{stem}{folder:x}", "{folder} takes no format"),
        ("{taken}_{stem}", "{taken} needs a date format, such as {taken:%Y-%m-%d}"),
        ("{taken:10}", "{taken} needs a date format, such as {taken:%Y-%m-%d}"),
        ("photo", "it gives many pictures the same name; use {stem}"),
        ("{folder}/{batch}", "it gives many pictures the same name; use {stem}"),
        ("", "it gives many pictures the same name; use {stem}"),
        ("{stem", "it cannot be read (expected '}' before end of string)"),
        ("{}", "{} is no field of a name; there are {taken}, {stem}, {folder}, {batch}"),
    ],
)
def test_a_bad_template_is_told_what_is_wrong_with_it(template: str, said: str) -> None:
    assert naming.check_template(template) == said


@given(names.filter(bool), st.sampled_from(("", "07")), st.sampled_from((TAKEN, None)))
def test_a_prefix_gives_the_last_component_and_any_one_is_valid(
    prefix: str, sequence: str, taken: datetime | None
) -> None:
    called = naming.numbered(prefix, sequence, DIGEST)
    whole = naming.original_key(TEMPLATE, "IMG_1.jpg", taken, "jpeg", DIGEST, called)
    assert all(is_valid(component) for component in whole.split("/"))
    assert whole.rpartition("/")[0] == key("IMG_1.jpg", taken=taken).rpartition("/")[0]


def test_a_picture_is_called_by_its_prefix_and_number_or_else_its_digest() -> None:
    assert naming.numbered("new_york", "07", DIGEST) == "new_york_07"
    assert naming.numbered("new_york", "", DIGEST) == "new_york_01234567"
    assert naming.numbered("", "07", DIGEST) == ""
    called = naming.original_key(TEMPLATE, "IMG_1.JPG", TAKEN, "jpeg", DIGEST, "new_york_07")
    assert called == "originals/2024/05/new_york_07.jpg"


@pytest.mark.parametrize(
    ("template", "title"),
    [
        ("{prefix} {seq}", "{seq} trip 07"),
        ("no field", "no field"),
        ("{1} {} {title} {{seq}}", "{1} {} {title} {07}"),
        ("{prefix", "{prefix"),
    ],
)
def test_a_title_has_two_fields_and_keeps_all_other_braces(template: str, title: str) -> None:
    assert naming.titled(template, "{seq} trip", "07") == title


@given(names, names, names)
def test_any_folder_and_batch_give_valid_components_and_a_path_that_systems_take(
    folder: str, batch: str, name: str
) -> None:
    whole = naming.original_key(
        "{folder}/{batch}/{folder}/{stem}", name, None, "jpeg", DIGEST, folder="/".join([folder] * 20), batch=batch
    )
    assert all(is_valid(component) for component in whole.split("/"))
    assert len(whole.encode()) < 3000


def test_a_folder_and_a_batch_are_parts_of_a_name() -> None:
    parts = {"folder": "Trip/../day 1", "batch": "Trip/2024"}
    whole = naming.original_key("{folder}/{batch}-{stem}", "a.jpg", None, "jpeg", DIGEST, **parts)
    assert whole == "originals/Trip/unnamed/day 1/Trip_2024-a.jpg"
    assert naming.original_key("{folder}/{batch}{stem}", "a.jpg", None, "jpeg", DIGEST) == "originals/a.jpg"


@pytest.mark.parametrize(
    ("name", "format", "expected"),
    [
        ("notes.TXT", "other", "notes.txt"),
        ("no suffix", "other", "no suffix"),
        ("a.b c", "other", "a.b c"),
        ("a." + "x" * 200, "other", "a." + "x" * 200),
        (".bashrc", "other", "bashrc"),
        ("CLIP.MOV", "video", "CLIP.mov"),
        ("clip.jpg", "video", "clip.mp4"),
        ("PXL_1.MP.jpg", "jpeg", "PXL_1.MP.jpg"),
        ("PXL_1.MP", "jpeg", "PXL_1.jpg"),
    ],
)
def test_each_kind_of_file_keeps_what_is_true_of_its_suffix(name: str, format: Format, expected: str) -> None:
    assert key(name, taken=None, format=format) == f"originals/undated/{expected}"


@given(names, st.sampled_from(("xmp", "takeout", "album")))
def test_a_sidecar_of_any_name_has_a_valid_key_of_its_own(name: str, kind: SidecarKind) -> None:
    lone = naming.lone_sidecar_key(name, kind, DIGEST)
    for one in naming.candidates(lone, DIGEST):
        assert one.startswith("sidecars/unmatched/") and one.endswith(".xmp" if kind == "xmp" else ".json")
        assert all(is_valid(component) for component in one.split("/")), one
    assert naming.lone_sidecar_key(name, kind, "f" * 64) != lone


def test_a_sidecar_is_called_as_it_was_dropped_and_then_as_its_picture() -> None:
    assert naming.lone_sidecar_key("IMG_1.jpg.XMP", "xmp", DIGEST) == "sidecars/unmatched/01234567_IMG_1.jpg.xmp"
    assert naming.lone_sidecar_key("metadata", "album", DIGEST) == "sidecars/unmatched/01234567_metadata.json"
    assert naming.sidecar_key("originals/2024/a.jpg", "takeout") == "sidecars/2024/a.jpg.json"


def test_a_part_of_a_stack_and_its_renditions_are_called_as_the_picture_that_it_is_shown_by() -> None:
    assert naming.beside("originals/2024/a.b.heic", "originals/undated/x.mov") == "originals/2024/a.b.mov"
    for before, rendition, expected in (
        ("originals/x.png", "preview/x.png.jpg", "preview/2024/a.png.jpg"),
        ("originals/x.png", "preview/x.png", "preview/2024/a.png"),
        ("originals/y.png", "preview/x.png.jpg", "preview/x.png.jpg"),
    ):
        assert naming.renamed_rendition(rendition, "preview", before, "originals/2024/a.png") == expected

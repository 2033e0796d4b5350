"""Which files belong to one shot, by their names alone: a picture, its sidecars, its raw twin, its movie. Pure.

Owns how programs and exports derive one name from another. The names given to a function are those of one folder;
whose files they are, and what a sidecar says, is for others to know. The metadata of an album has no name of its
own: it is localised, only the content tells.

Google Takeout: a sidecar's name is its picture's with any beginning of `.supplemental-metadata`, cut to 46 characters,
then a counter and `.json`; in the picture's name the counter stands before the extension (`IMG_3(1).jpg` has
`IMG_3.jpg(1).json`). Pictures' names are cut too, to 51. Characters are code points, or UTF-16 units. What was edited
in Google Photos comes beside the original, as `-edited` in the language of the account, with one sidecar for both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from watcher.model import SidecarKind, shown

_STILL = "heic|heif|hif|jpe|jpeg|jpg"  # what the renditions of a stack can be made from
_MOVIES = "3g2|3gp|avi|m2ts|m4v|mkv|mov|mp|mp4|mpeg|mpg|mts|webm|wmv"
_BESIDE = (  # raw files and movies
    "3fr|arw|cr2|cr3|crw|dcr|dng|erf|fff|iiq|k25|kdc|mef|mos|mrw|nef|nrw|orf|pef|raf|raw|rw2|rwl|sr2|srf|srw|x3f"
    f"|{_MOVIES}"
)
_OTHER = "avif|bmp|gif|jfif|jp2|png|psd|tif|tiff|webp"
_SUPPLEMENT = ".supplemental-metadata"
_SIDECAR_LENGTH, _PICTURE_LENGTH = 46, 51  # at most, without .json and with the extension
_LEADING = 35  # of 46 characters at least these are the picture's own: the longest word for "edited" may have taken 11
_EDITED = unicodedata.normalize(  # Google's word for it by language; what it makes by itself shares a sidecar likewise
    "NFD",
    "edited|bearbeitet|modifié|editado|ha editado|modificato|bewerkt|edytowane|editat|redigeret|redigert|redigerad"
    "|muokattu|upravené|upraveno|編集済み|已编辑|编辑|편집됨|effects|smile|mix",
)

_COUNTER = r"(?P<counter>\(\d{1,4}\))"
_EDITED_CUT = "|".join({word[:end] for word in _EDITED.split("|") for end in range(1, len(word))})
_SUPPLEMENT_CUT = "|".join(re.escape(_SUPPLEMENT[:end]) for end in range(1, len(_SUPPLEMENT) + 1))
_FLAGS = re.IGNORECASE | re.DOTALL  # names can have newlines
# Each needs something before it, since "(1).jpg" is a name. A Pixel's PXL_1.MP.jpg may have its movie as PXL_1.MP.
_EXTENSION = re.compile(rf"(?<=.)(?:\.mp)?\.(?:(?P<still>{_STILL})|(?P<beside>{_BESIDE})|{_OTHER})\Z", _FLAGS)
_SIDECAR = re.compile(r"(?<=.)\.(xmp|json)\Z", _FLAGS)
_COUNTED = re.compile(rf"(?<=\S){_COUNTER}\Z", _FLAGS)  # "Image (1)", with a blank, is a name that Windows gives
_EDIT = re.compile(rf"(?<=.)-({_EDITED}){_COUNTER}?\Z", _FLAGS)
_EDIT_CUT = re.compile(rf"(?<=.)-({_EDITED_CUT}){_COUNTER}?\Z", _FLAGS)
_TAIL = re.compile(
    rf"(?<=.)(\.({_STILL}|{_BESIDE}|{_OTHER}|xmp|json)|(?<=\S){_COUNTER}|-({_EDITED})|{_SUPPLEMENT_CUT})\Z", _FLAGS
)

_NAMED, _CUT, _STEM = 1, 2, 3  # how a sidecar's name can tell of a picture's, the best first
_Fold: TypeAlias = Callable[[str], str]
_Fit: TypeAlias = Callable[[str, _Fold], int | None]  # how it tells of the picture of this name


def shot(name: str) -> str:
    """The same short text, folded and NFC, for all names of one shot; others may have it too.

    Names of one shot differ at their ends only, so these are left out, and what may be cut off. The counter is kept
    wherever it stands: there may be thousands that differ in nothing else.
    """
    left, counters = _plain(name).casefold(), ""
    while match := _TAIL.search(left):
        left, counters = left[: match.start()], (match["counter"] or "") + counters
    head = left.encode("utf-16-le")[: 2 * _LEADING].decode("utf-16-le", "ignore")
    return unicodedata.normalize("NFC", head + counters * (head == left))


def tells_of_others(name: str) -> bool:
    """Whether this is how sidecars, and the metadata of albums, are named."""
    return _SIDECAR.search(name) is not None


def is_movie(name: str) -> bool:
    """Whether this is how movies are named."""
    return name.rpartition(".")[2].casefold() in _MOVIES.split("|")


def partners(sidecar: str, kind: SidecarKind, title: str | None, pictures: Sequence[str]) -> tuple[int, ...] | None:
    """The places in `pictures` of those that the sidecar belongs to: () is none of them, None is not clear.

    `title` is what a Takeout sidecar's content calls the picture: a hint, since it is neither cut nor made safe for a
    file system. `IMG_1.jpg.xmp` is for that file, `IMG_1.xmp` for all of a stack. Case counts only where it decides.
    """
    if kind == "album" or not tells_of_others(sidecar):
        return ()
    label = _SIDECAR.sub("", sidecar)
    names = [_plain(picture) for picture in pictures]
    if kind == "xmp":
        chosen = _chosen(_by_xmp(label), names)
        return None if chosen is None else tuple(place for place, name in enumerate(names) if name in chosen)
    originals = [_original(picture) for picture in pictures]
    chosen = _chosen(_by_takeout(label, title), _with_absent(names, originals))
    if chosen is None:
        return None
    return tuple(
        place
        for place, (name, original) in enumerate(zip(names, originals, strict=True))
        if name in chosen or (original and _is_edit_of(original, chosen, names))
    )


def stacks(names: Sequence[str]) -> list[tuple[int, ...]]:
    """The places of the names that are one shot in several files: raw and JPEG or HEIC, a still and its movie.

    The first place of each is that of the picture with the renditions. Two stills of one stem are no stack: whose the
    movie is could only be guessed.
    """
    beside: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        beside.setdefault(_split(_plain(name).casefold())[0], []).append(place)
    found = []
    for places in beside.values():
        stills = [place for place in places if _is_a("still", names[place])]
        others = [place for place in places if _is_a("beside", names[place])]
        if len(stills) == 1 and others:
            found.append((*stills, *others))
    return found


# -- names -----------------------------------------------------------------------------------------------------------


def _plain(name: str) -> str:
    """As text, and decomposed: what cuts a name between a letter and its accent leaves a beginning of it so."""
    return unicodedata.normalize("NFD", shown(name))


def _split(name: str) -> tuple[str, str]:
    match = _EXTENSION.search(name)
    return (name[: match.start()], match[0]) if match else (name, "")


def _is_a(kind: Literal["still", "beside"], name: str) -> bool:
    match = _EXTENSION.search(name)
    return bool(match and match[kind])


def _counted(text: str) -> tuple[str, str]:
    """Without its counter, and that: "(1)" or ""."""
    match = _COUNTED.search(text)
    return (text[: match.start()], match[0]) if match else (text, "")


def _original(picture: str) -> str | None:
    """The plain name of what this was edited from; None when it does not look edited."""
    stem, extension = _split(_plain(picture))
    match = _EDIT.search(stem)
    if match is None and _is_long(picture, _PICTURE_LENGTH):
        match = _EDIT_CUT.search(stem)
    return stem[: match.start()] + (match["counter"] or "") + extension if match else None


def _is_long(name: str, *lengths: int) -> bool:
    """Whether it may have been cut to one of these lengths; an emoji that would be cut in two goes as a whole."""
    units = len(name.encode("utf-16-le", "surrogatepass")) // 2
    return len(name) in lengths or units in lengths or units + 1 in lengths


# -- choosing --------------------------------------------------------------------------------------------------------


def _chosen(fit: _Fit, names: Sequence[str]) -> set[str] | None:
    """The names that the sidecar tells of best, when they are one shot; None when they are several."""
    folded, exact = (_best(fit, names, fold) for fold in (str.casefold, str))
    if not folded:
        return set()
    return next((best for best in (folded, exact) if _is_one_shot(list(best))), None)


def _best(fit: _Fit, names: Sequence[str], fold: _Fold) -> set[str]:
    fits = {name: rank for name in names if (rank := fit(name, fold))}
    return {name for name, rank in fits.items() if rank == min(fits.values())}


def _is_one_shot(names: Sequence[str]) -> bool:
    return len(names) == 1 or any(len(stack) == len(names) for stack in stacks(names))


def _with_absent(names: Sequence[str], originals: Sequence[str | None]) -> list[str]:
    """The names, and those of the originals that are not there: what was edited may come alone."""
    there = {name.casefold() for name in names}
    return [*names, *dict.fromkeys(name for name in originals if name and name.casefold() not in there)]


def _is_edit_of(original: str, chosen: set[str], names: Sequence[str]) -> bool:
    """Whether what was edited from `original` is one of the chosen shot: an edit of IMG_1.heic may be a JPEG."""
    if original.casefold() in {name.casefold() for name in (*names, *chosen)}:
        return original.casefold() in {name.casefold() for name in chosen}
    return _split(original)[0].casefold() in {_split(name)[0].casefold() for name in chosen if name in names}


def _by_xmp(label: str) -> _Fit:
    def fit(name: str, fold: _Fold) -> int | None:
        told, name = fold(_plain(label)), fold(name)
        if told == name:
            return _NAMED
        return _STEM if told in (_split(name)[0], name.rpartition(".")[0]) else None

    return fit


def _by_takeout(label: str, title: str | None) -> _Fit:
    """What stands before the last counter can be the name as well as what stands before `.json`."""
    bare, counter = _counted(label)
    texts = {(_plain(label), "", _is_long(label, _SIDECAR_LENGTH))}
    texts.add((_plain(bare), counter, _is_long(bare, _SIDECAR_LENGTH, _SIDECAR_LENGTH - len(counter))))
    hint = _plain(title or "")

    def fit(name: str, fold: _Fold) -> int | None:
        stem, extension = _split(fold(name))
        uncounted, its_counter = _counted(stem)
        ranks = [
            # without a title, "(1)" behind the cut is another picture's counter rather than a part of the name
            _told(fold(text), long and (its == its_counter or hint != ""), base, extension, fold(hint))
            for text, counter, long in texts
            for base, its in {(stem, ""), (uncounted, its_counter)}
            if its == counter
        ]
        rank = min(filter(None, ranks), default=None)
        return None if rank != _NAMED and _EDIT.search(stem) else rank  # it is the original that was cut

    return fit


def _told(text: str, long: bool, stem: str, extension: str, title: str) -> int | None:
    """How the text tells of the picture; `long`: what was behind it may have been cut off."""
    if _continues(text, stem + extension):
        return _NAMED
    if long and (stem + extension).startswith(text):
        return _CUT if _agree(title[len(text) :], stem[len(text) :]) else None
    is_untyped = _continues(text, stem) and not _EXTENSION.search(stem)  # a title need not have an extension
    return _STEM if is_untyped else None


def _continues(text: str, name: str) -> bool:
    return text.startswith(name) and _SUPPLEMENT.startswith(text[len(name) :])


def _agree(title: str, name: str) -> bool:
    """Whether the picture may have this title; what file systems do not allow became an underscore."""
    return not title or all(ours in (theirs, "_") for ours, theirs in zip(name, title, strict=False))

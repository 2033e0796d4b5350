"""How a person writes bytes, a picture's size, rights and places; and back. Plain functions, stdlib only.

Each `parse_` raises ValueError with what the value must be, in words that follow the setting's name.
"""

from __future__ import annotations

import os
import re
import unicodedata

from watcher import locate, model

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
COLOURS = (  # the sixteen of HTML 4, and the other way to write gray
    *("white", "silver", "gray", "grey", "black", "red", "maroon", "yellow", "olive", "lime", "green"),
    *("aqua", "teal", "blue", "navy", "fuchsia", "purple"),
)
LONGEST_SIDE = 20_000  # px
LONGEST_PREFIX = 200  # bytes


def parse_bytes(value: object) -> object:
    """Bytes from "500KB" (1000 each) or "2GiB" (1024); what is no text is left for others to judge."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,15})(\.\d{1,9})?\s*([kmgt]i?b|b|)\s*", value, re.IGNORECASE | re.ASCII)
    if match is None:
        raise ValueError(f'must be a size such as 500KB, 2GB or 2GiB, not "{value}"')
    unit = _UNITS[match[3].upper() or "B"]
    return int(match[1]) * unit + int(float(match[2] or 0) * unit)


def bytes_text(value: int) -> str | int:
    """The shortest exact way to write `value`: 2000000000 is "2GB", 2147483648 is "2GiB", 1001 is 1001."""
    for unit in ("TB", "GB", "MB", "KB", "TiB", "GiB", "MiB", "KiB"):
        if value and value % _UNITS[unit.upper()] == 0:
            return f"{value // _UNITS[unit.upper()]}{unit}"
    return value


def parse_path(value: object) -> str:
    """An absolute path. Names that are not UTF-8 pass: a flag may carry one."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("must be a path in quotes")
    if os.path.expanduser(value).startswith("~"):
        user = value.split("/")[0][1:]
        raise ValueError(f"there is no user called {user}" if user else "~ is nowhere: set HOME, or name a full path")
    return locate.absolute(value)


def parse_optional_path(value: object) -> str:
    """As `parse_path`; empty text stays empty."""
    return "" if value == "" else parse_path(value)


def parse_umask(value: object) -> int:
    """Rights to withhold, from octal digits. Not the owner's: the daemon would lock itself out."""
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{1,3}", value, re.ASCII) and not int(value, 8) & 0o700:
        return int(value, 8)
    raise ValueError('must be octal digits in quotes, "000" to "077": rights that others than the owner lose')


def parse_size(value: object) -> str:
    """A recipe's size (px): "1600", "300x300", "800x" or "x600"."""
    text = str(value)
    sides = text.split("x") if re.fullmatch(r"\d{1,5}|\d{0,5}x\d{0,5}", text, re.ASCII) else []
    if any(sides) and all(1 <= int(side) <= LONGEST_SIDE for side in sides if side):
        return "x".join(str(int(side)) if side else "" for side in sides)
    raise ValueError(f'must be pixels such as 1600, "300x300", "800x" or "x600", each side from 1 to {LONGEST_SIDE}')


def parse_crop(value: object) -> tuple[int | str, ...]:
    """A recipe's crop: nothing, or left, top, right and bottom, each px or a share such as "20%"."""
    edges = tuple(value) if isinstance(value, list | tuple) else (value,)
    if len(edges) not in (0, 4) or not all(_is_edge(edge) for edge in edges):
        raise ValueError(
            'must be four edges, left, top, right and bottom, each pixels or percent: [4, "20%", 154, "60%"]'
        )
    for name, near, far in (("left", *edges[0::2]), ("top", *edges[1::2])) if edges else ():
        if type(near) is type(far) and _share(near) >= _share(far):
            raise ValueError(f"cuts out nothing: its {name} edge {near} is not before {far}, the edge across")
    return edges


def _is_edge(edge: object) -> bool:
    if isinstance(edge, str):
        return re.fullmatch(r"\d{1,3}(\.\d{1,6})?%", edge, re.ASCII) is not None
    return isinstance(edge, int) and not isinstance(edge, bool) and abs(edge) <= 10**6


def _share(edge: int | str) -> float:
    return float(str(edge).rstrip("%"))


def parse_colour(value: object) -> str:
    """The colour of a ground: "", one of COLOURS, or #rrggbb."""
    colour = value.lower() if isinstance(value, str) else "?"
    if colour in ("", *COLOURS) or re.fullmatch(r"#[0-9a-f]{6}", colour, re.ASCII):
        return colour
    raise ValueError(f'must be "#rrggbb" or one of {", ".join(COLOURS)}')


def size_text(value: str) -> str | int:
    """A recipe's size as the file has it: a number where it is one."""
    return int(value) if value.isdigit() else value


def parse_recipe_name(name: str) -> str:
    """A recipe's name, which is that of a folder in the library."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", name, re.ASCII) and name != "originals":
        return name
    raise ValueError("cannot name a recipe: small letters, digits, - and _ only, and not originals")


def check_shift(text: str) -> str:
    """By how much dates are moved: "", or what `model.parse_shift` reads."""
    if text:
        model.parse_shift(text)
    return text


def check_words(text: str) -> str:
    """A title, description or keyword: any text that the catalog can hold."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("must be text in UTF-8, without NUL")
    return text


def check_prefix(text: str) -> str:
    """What names of files begin with: kept as it is, so nothing that a name in the library would lose."""
    if "/" in text or any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        raise ValueError("is the beginning of file names: it must have no slash and no control characters")
    if text.startswith((".", "-")) or text != text.strip():
        raise ValueError("is the beginning of file names: it must not begin with a dot or dash, nor have blanks around")
    if len(text.encode()) > LONGEST_PREFIX:
        raise ValueError(f"must have at most {LONGEST_PREFIX} bytes in UTF-8, so that the name still has room")
    return text


def umask_text(umask: int) -> str:
    """A umask as it is written in the file: three octal digits."""
    return f"{umask:03o}"


def check_timezone(name: str) -> str:
    """An IANA name that this machine knows, or "" for its own."""
    import zoneinfo

    if name and name not in zoneinfo.available_timezones():
        raise ValueError('must be a time zone such as "Europe/Lisbon" or "Asia/Tokyo", or "" for the machine\'s')
    return name

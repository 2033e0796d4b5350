"""What colours are, by numbers, without Pillow: spaces, differences, and how profiles are put together.

CIEDE2000 after CIE 142-2001; chromatic adaptation by Bradford; profiles after ICC.1:2001-04.
"""

from __future__ import annotations

import math
import struct

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]
D50: Triple = (0.9642, 1.0, 0.8249)
D65 = (0.3127, 0.3290)
BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


def apply(matrix: Matrix, vector: Triple) -> Triple:
    rows = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return tuple(rows)  # type: ignore[return-value]


def product(one: Matrix, two: Matrix) -> Matrix:
    columns = [apply(one, tuple(row[at] for row in two)) for at in range(3)]  # type: ignore[arg-type]
    return tuple(zip(*columns, strict=True))  # type: ignore[return-value]


def inverse(m: Matrix) -> Matrix:
    """By the cofactors, taken in a circle so that their signs come out right."""
    around = [(1, 2), (2, 0), (0, 1)]
    cofactors = [[m[a][c] * m[b][d] - m[a][d] * m[b][c] for a, b in around] for c, d in around]
    determinant = sum(m[at][0] * cofactors[0][at] for at in range(3))
    return tuple(tuple(value / determinant for value in row) for row in cofactors)  # type: ignore[return-value]


def xyz(x: float, y: float) -> Triple:
    return x / y, 1.0, (1 - x - y) / y


def to_d50(primaries: tuple[tuple[float, float], ...]) -> Matrix:
    """The matrix from linear RGB of a D65 space to XYZ in D50."""
    columns: Matrix = tuple(zip(*(xyz(*primary) for primary in primaries), strict=True))  # type: ignore[assignment]
    scale = apply(inverse(columns), xyz(*D65))
    native: Matrix = tuple(tuple(v * s for v, s in zip(row, scale, strict=True)) for row in columns)  # type: ignore[assignment]
    ratio = [to / of for to, of in zip(apply(BRADFORD, D50), apply(BRADFORD, xyz(*D65)), strict=True)]
    cone: Matrix = ((ratio[0], 0, 0), (0, ratio[1], 0), (0, 0, ratio[2]))
    return product(product(product(inverse(BRADFORD), cone), BRADFORD), native)


def linear(level: float) -> float:
    """IEC 61966-2-1; the curve of Display P3 too."""
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def curved(level: float) -> float:
    return level * 12.92 if level <= 0.0031308 else 1.055 * level ** (1 / 2.4) - 0.055


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def text(words: str) -> bytes:
    """A profile's description (ICC.1:2001-04, 6.5.17)."""
    return b"desc\0\0\0\0" + struct.pack(">I", len(words) + 1) + words.encode() + bytes(79)


def icc(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of version 2: its class, its colours, those that it connects to, and its tags."""
    table, content, at = b"", b"", 132 + 12 * len(tags)
    for name, body in tags.items():
        body += bytes(-len(body) % 4)
        table += name + struct.pack(">II", at + len(content), len(body))
        content += body
    head = struct.pack(">I4xI4s4s4s", at + len(content), 0x02400000, device, space, connection)
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(*D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content


def lab(colour: Triple) -> Triple:
    def f(t: float) -> float:
        return t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29

    x, y, z = (f(value / white) for value, white in zip(colour, D50, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def lab_of_srgb(levels: Triple) -> Triple:
    """What 8 bits a channel in sRGB mean."""
    return lab(apply(to_d50(SRGB), (linear(levels[0] / 255), linear(levels[1] / 255), linear(levels[2] / 255))))


def ciede2000(one: Triple, two: Triple) -> float:
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean_c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean_c**7 / (mean_c**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    ml, mc = (l1 + l2) / 2, (c1 + c2) / 2
    mh = h1 + h2 if c1 * c2 == 0 else (h1 + turn / 2) % 360
    t = (
        1 - 0.17 * math.cos(math.radians(mh - 30)) + 0.24 * math.cos(math.radians(2 * mh))
        + 0.32 * math.cos(math.radians(3 * mh + 6)) - 0.20 * math.cos(math.radians(4 * mh - 63))
    )  # fmt: skip
    sl = 1 + 0.015 * (ml - 50) ** 2 / math.sqrt(20 + (ml - 50) ** 2)
    sc, sh = 1 + 0.045 * mc, 1 + 0.015 * mc * t
    rt = -2 * math.sqrt(mc**7 / (mc**7 + 25**7)) * math.sin(math.radians(60 * math.exp(-(((mh - 275) / 25) ** 2))))
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * dc / sc * dh / sh)

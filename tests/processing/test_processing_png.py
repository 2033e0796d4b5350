"""PNGs of every depth, and interlaced ones: a rendition shows just the pixels that were written.

The files are packed here bit by bit after the PNG specification (ISO/IEC 15948:2004, 7.2, 8.2, 9.2), since what
Pillow writes has neither 16 bits a colour nor an interlacing.
"""

from __future__ import annotations

import struct
import zlib
from random import Random

import pytest
from PIL import Image
from worker_world import World, picture_of

from watcher.model import Recipe

GREY, COLOURS, PALETTE = 0, 2, 3
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
Samples = tuple[int, ...]
Rows = list[list[Samples]]
RGB = tuple[int, int, int]


def written(width: int, height: int, depth: int, channels: int = 1) -> Rows:
    """Samples in which no value and no neighbourhood is the rule; the least and the greatest are among them."""
    random, top = Random(depth), (1 << depth) - 1
    rows = [[tuple(random.randint(0, top) for _ in range(channels)) for _ in range(width)] for _ in range(height)]
    rows[0][:2] = [(0,) * channels, (top,) * channels]
    return rows


def packed(row: list[Samples], depth: int) -> bytes:
    """A row without a filter: its samples, the leftmost in the highest bits."""
    bits = "".join(f"{sample:0{depth}b}" for samples in row for sample in samples)
    return b"\0" + bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))


def interlaced(rows: Rows) -> Rows:
    """The rows of the seven pictures that Adam7 takes a picture apart into; those without pixels have none."""
    taken = [row[left::across] for left, top, across, down in PASSES for row in rows[top::down]]
    return [row for row in taken if row]


def png(rows: Rows, depth: int, kind: int, palette: list[RGB] | None = None, *, adam7: bool = False) -> bytes:
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), depth, kind, 0, 0, adam7)
    pixels = b"".join(packed(row, depth) for row in (interlaced(rows) if adam7 else rows))
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    if palette:
        chunks.insert(1, (b"PLTE", b"".join(map(bytes, palette))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def seen(world: World, content: bytes) -> list[list[RGB]]:
    """The pixels of the picture's rendition, row by row."""
    world.follow(recipes=(Recipe("copy", format="png"),))
    picture = picture_of(world.run(content, "a.png"))
    assert picture.flags == ()
    with Image.open(world.library / picture.renditions[0].key) as made:
        flat, (width, height) = made.convert("RGB").tobytes(), made.size
    pixels = list(zip(flat[0::3], flat[1::3], flat[2::3], strict=True))
    return [pixels[width * row : width * row + width] for row in range(height)]


def greys(rows: Rows, depth: int) -> list[list[RGB]]:
    """Grey samples as a screen shows them: all of the range on 0 to 255."""
    levels = [[round(grey * 255 / ((1 << depth) - 1)) for (grey,) in row] for row in rows]
    return [[(level, level, level) for level in row] for row in levels]


@pytest.mark.parametrize("adam7", [False, True], ids=["", "interlaced"])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_greys_of_each_depth_are_those_that_were_written(world: World, depth: int, adam7: bool) -> None:
    rows = written(13, 11, depth)
    assert seen(world, png(rows, depth, GREY, adam7=adam7)) == greys(rows, depth)


@pytest.mark.parametrize("adam7", [False, True], ids=["", "interlaced"])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_colours_of_a_palette_of_each_depth_are_those_that_were_written(world: World, depth: int, adam7: bool) -> None:
    rows, random = written(13, 11, depth), Random(0)
    palette: list[RGB] = [tuple(random.randbytes(3)) for _ in range(1 << depth)]  # type: ignore[misc]
    expected = [[palette[index] for (index,) in row] for row in rows]
    assert seen(world, png(rows, depth, PALETTE, palette, adam7=adam7)) == expected


@pytest.mark.parametrize("size", [(8, 8), (13, 11), (3, 2), (1, 1)], ids=lambda size: "{}x{}".format(*size))
def test_interlaced_colours_are_those_that_were_written_even_where_a_pass_has_none(
    world: World, size: tuple[int, int]
) -> None:
    rows = [row[: size[0]] for row in written(13, size[1], 8, channels=3)]
    assert seen(world, png(rows, 8, COLOURS, adam7=True)) == rows


def test_colours_of_sixteen_bits_are_scaled_to_a_level(world: World) -> None:
    rows = written(13, 11, 16, channels=3)
    levels = [level for row in seen(world, png(rows, 16, COLOURS)) for pixel in row for level in pixel]
    samples = [sample for row in rows for pixel in row for sample in pixel]
    assert all(abs(level - sample / 257) <= 1 for level, sample in zip(levels, samples, strict=True))

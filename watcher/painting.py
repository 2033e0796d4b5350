"""Landscapes out of arithmetic: a sky by its light, and in front of it layers of land, water and buildings.

Owns shapes and colours only. A picture leaves as plain RGB bytes, painted small: whoever stores it enlarges
it, and that is where its softness comes from. The same light, layers, size and seed give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add
from random import Random

Colour = tuple[int, int, int]
Layer = Callable[["Canvas", "Light", Random], None]

GRAIN = bytes(value % 7 for value in range(256))  # random bytes become the noise of a sensor
SNOW: Colour = (236, 240, 246)


@dataclass(frozen=True, slots=True)
class Light:
    """An hour of the day, and what a camera makes of it.

    `sun_at`: height of the sun in the sky, 0 horizon .. 1 zenith; `strength`: how bright the land is, 0..1;
    `exposure_value`: at ISO 100; `iso`: what the camera would choose.
    """

    zenith: Colour
    horizon: Colour
    sun: Colour | None
    sun_at: float
    strength: float
    exposure_value: int
    iso: int


DAWN = Light((92, 118, 176), (246, 190, 160), (255, 224, 190), 0.12, 0.62, 10, 400)
MORNING = Light((88, 150, 216), (214, 228, 236), (255, 250, 225), 0.62, 0.95, 14, 100)
NOON = Light((40, 112, 200), (176, 210, 236), (255, 255, 240), 0.86, 1.0, 15, 100)
DUSK = Light((70, 52, 110), (250, 138, 72), (255, 226, 150), 0.10, 0.45, 9, 400)
GREY = Light((142, 152, 164), (204, 210, 214), None, 0.0, 0.72, 12, 200)
EVENING = Light((28, 40, 84), (112, 104, 148), None, 0.0, 0.34, 5, 1600)
NIGHT = Light((6, 10, 30), (26, 34, 66), (226, 230, 240), 0.7, 0.16, -3, 1600)


class Canvas:
    """RGB bytes, row by row. `horizon` is the row where the sky ends."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.horizon = round(height * 0.6)
        self.pixels = bytearray(3 * width * height)

    def row(self, y: int) -> bytearray:
        return self.pixels[3 * y * self.width : 3 * (y + 1) * self.width]

    def set_row(self, y: int, pixels: bytes | bytearray) -> None:
        self.pixels[3 * y * self.width : 3 * (y + 1) * self.width] = pixels

    def column(self, x: int, top: int, bottom: int, strip: bytes) -> None:
        """Paint column `x` from row `top` up to `bottom` with those rows of `strip`, one colour a row."""
        top, bottom = max(top, 0), min(bottom, self.height)
        if not (0 <= x < self.width and top < bottom):
            return
        for channel in range(3):
            first = 3 * (top * self.width + x) + channel
            rows = strip[3 * top + channel : 3 * bottom : 3]
            self.pixels[first : 3 * bottom * self.width : 3 * self.width] = rows

    def blend(self, x: int, y: int, colour: Colour, share: float) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            for at, value in enumerate(colour, 3 * (y * self.width + x)):
                self.pixels[at] += round((value - self.pixels[at]) * share)

    def glow(self, x: int, y: int, radius: float, flat: float, colour: Colour, share: float) -> None:
        """Light that fades towards the edge of an ellipse; `flat` is its height to its width."""
        high = max(1, round(radius * flat))
        for dy in range(-high, high + 1):
            reach = round(radius * math.sqrt(1 - (dy / high) ** 2))
            for dx in range(-reach, reach + 1):
                faded = 1 - (dx / radius) ** 2 - (dy / high) ** 2
                self.blend(x + dx, y + dy, colour, min(share * max(faded, 0) ** 2, 1))


def paint(light: Light, layers: Sequence[Layer], width: int, height: int, seed: str) -> bytes:
    """What stands in a light, the farthest layer first, as 3 * width * height RGB bytes."""
    canvas, rng = Canvas(width, height), Random(seed)
    for layer in (_sky, *layers):
        layer(canvas, light, rng)
    soft = canvas.pixels.translate(bytes(min(value, 249) for value in range(256)))
    return bytes(map(add, soft, rng.randbytes(len(soft)).translate(GRAIN)))


def mix(one: Colour, other: Colour, share: float) -> Colour:
    a, b, c = (round(x + (y - x) * share) for x, y in zip(one, other, strict=True))
    return a, b, c


def _lit(colour: Colour, light: Light, haze: float) -> Colour:
    return mix(mix((0, 0, 0), colour, light.strength), light.horizon, haze)


def _gradient(top: Colour, bottom: Colour, first: int, last: int, rows: int) -> bytes:
    """One colour per row: `top` down to row `first`, `bottom` from row `last` on."""
    span = max(last - first, 1)
    return b"".join(bytes(mix(top, bottom, min(max((y - first) / span, 0), 1))) for y in range(rows))


def _ridge(rng: Random, width: int, waves: int) -> list[float]:
    """A skyline between -1 and 1 for each column: ever finer waves, ever lower."""
    parts = [(1.7**n, rng.uniform(0, 2 * math.pi), 1 / 1.9**n) for n in range(waves)]
    total = sum(weight for _, _, weight in parts)
    scale = 2 * math.pi * rng.uniform(0.8, 1.3) / width
    return [sum(math.sin(x * scale * f + p) * w for f, p, w in parts) / total for x in range(width)]


def _sky(canvas: Canvas, light: Light, rng: Random) -> None:
    colours = _gradient(light.zenith, light.horizon, 0, canvas.horizon, canvas.height)
    for y in range(canvas.height):
        canvas.set_row(y, colours[3 * y : 3 * y + 3] * canvas.width)
    if light.sun:
        x = round(canvas.width * rng.uniform(0.2, 0.8))
        y = round(canvas.horizon * (1 - light.sun_at))
        disc = canvas.width / 32
        canvas.glow(x, y, disc * 5, 1, light.sun, 0.55)
        canvas.glow(x, y, disc * 1.2, 1, light.sun, 3)


def land(
    colour: Colour,
    at: float,
    swing: float,
    waves: int = 4,
    haze: float = 0.0,
    snow: float = 0,
    flat: float = 0,
) -> Layer:
    """Ground under a skyline around `at` (0 top .. 1 bottom), `swing` up and down, all parts of the height.

    White above `snow`; cut off level at `flat`, as a table mountain is.
    """

    def layer(canvas: Canvas, light: Light, rng: Random) -> None:
        height = canvas.height
        near = _lit(mix(colour, (0, 0, 0), 0.35), light, haze)
        ground = _gradient(_lit(colour, light, haze), near, round(height * (at - swing)), height, height)
        white = _gradient(_lit(SNOW, light, haze / 2), _lit(colour, light, haze), 0, height, height)
        skyline, snow_line = _ridge(rng, canvas.width, waves), _ridge(rng, canvas.width, 9)
        for x, (rise, thaw) in enumerate(zip(skyline, snow_line, strict=True)):
            top = round(height * max(at - swing * rise, flat))
            canvas.column(x, top, height, ground)
            if snow:
                canvas.column(x, top, round(height * (snow + 0.12 * thaw)) + rng.randrange(4), white)

    return layer


def clouds(canvas: Canvas, light: Light, rng: Random) -> None:
    for _ in range(7):
        x, y = rng.randrange(canvas.width), rng.randrange(canvas.horizon * 2 // 3)
        for _ in range(3):
            wide = canvas.width * rng.uniform(0.05, 0.11)
            canvas.glow(x + rng.randrange(-20, 20), y + rng.randrange(-3, 4), wide, 0.22, SNOW, 0.6)


def stars(canvas: Canvas, light: Light, rng: Random) -> None:
    for _ in range(220):
        canvas.blend(rng.randrange(canvas.width), rng.randrange(canvas.horizon), SNOW, rng.uniform(0.2, 0.95))


def aurora(canvas: Canvas, light: Light, rng: Random) -> None:
    """Green curtains, brightest at their lower hem."""
    for colour, base in (((70, 240, 150), 0.42), ((120, 90, 220), 0.34)):
        for x, bend in enumerate(_ridge(rng, canvas.width, 3)):
            hem, length = round(canvas.height * (base + 0.12 * bend)), round(canvas.height * 0.28)
            for step in range(length):
                canvas.blend(x, hem - step, colour, 0.6 * (1 - step / length) ** 1.5)


def sea(canvas: Canvas, light: Light, rng: Random) -> None:
    """Open water to the horizon, with the light broken on its waves."""
    far, near = mix(light.horizon, (30, 90, 120), 0.45), _lit((16, 72, 104), light, 0.08)
    water = _gradient(far, near, canvas.horizon, canvas.height, canvas.height)
    for x in range(canvas.width):
        canvas.column(x, canvas.horizon, canvas.height, water)
    for _ in range(500):
        y = rng.randrange(canvas.horizon, canvas.height)
        x, length = rng.randrange(canvas.width), rng.randrange(3, 4 + (y - canvas.horizon) // 6)
        for dx in range(length):
            canvas.blend(x + dx, y, light.horizon, 0.35)


def lake(canvas: Canvas, light: Light, rng: Random) -> None:
    """Still water: the picture above the shore upside down, darker and a little shaken."""
    shore = round(canvas.height * 0.66)
    dim = bytes(round(value * 0.8) for value in range(256))
    for y in range(shore, canvas.height):
        depth = y - shore
        shake = 3 * (round(math.sin(depth * 0.9) * (1 + depth / 25)) % canvas.width)
        mirrored = canvas.row(max(shore - 1 - depth, 0)).translate(dim)
        canvas.set_row(y, mirrored[shake:] + mirrored[:shake])


def city(canvas: Canvas, light: Light, rng: Random) -> None:
    """Houses of all heights, the near ones lower and darker; more windows are lit the darker it is."""
    for haze, lowest, highest in ((0.45, 0.3, 0.55), (0.2, 0.45, 0.64), (0.0, 0.58, 0.7)):
        x = -rng.randrange(12)
        while x < canvas.width:
            wide, top = rng.randrange(16, 38), round(canvas.height * rng.uniform(lowest, highest))
            _house(canvas, light, rng, x, top, wide, haze)
            x += wide + rng.choice((0, 0, 1, 5))


def _house(canvas: Canvas, light: Light, rng: Random, left: int, top: int, wide: int, haze: float) -> None:
    wall = _lit(rng.choice(((150, 128, 116), (120, 126, 140), (176, 158, 136), (134, 96, 84))), light, haze)
    front = _gradient(wall, mix(wall, (0, 0, 0), 0.3), top, canvas.height, canvas.height)
    for x in range(left, left + wide):
        canvas.column(x, top, canvas.height, front)
    dark = mix(wall, (20, 24, 36), 0.5)
    for y in range(top + 4, canvas.height - 4, 8):
        for x in range(left + 3, left + wide - 4, 6):
            pane = (255, 214, 130) if rng.random() > light.strength + 0.25 else dark
            for row in range(4):
                for step in range(3):
                    canvas.blend(x + step, y + row, pane, 0.85)


def trees(canvas: Canvas, light: Light, rng: Random) -> None:
    """Firs along the lower edge, black against what is behind them."""
    dark = _gradient(_lit((34, 62, 44), light, 0), _lit((14, 28, 22), light, 0), 0, canvas.height, canvas.height)
    x = 0
    while x < canvas.width:
        tall, foot = rng.randrange(canvas.height // 8, canvas.height // 4), canvas.height
        for dx in range(-tall // 4, tall // 4 + 1):
            jag = (dx * 5) % 4
            canvas.column(x + dx, foot - tall + abs(dx) * 4 + jag, foot, dark)
        x += rng.randrange(6, 34)


def flowers(*colours: Colour) -> Layer:
    """Rows of blossom that run together towards the horizon."""

    def layer(canvas: Canvas, light: Light, rng: Random) -> None:
        middle = canvas.width / 2
        for y in range(canvas.horizon + 6, canvas.height):
            spread = (y - canvas.horizon) / canvas.height
            for x in range(canvas.width):
                furrow = (x - middle) / (spread * 90 + 1)
                if furrow % 1 < 0.7 and rng.random() < 0.8:
                    canvas.blend(x, y, _lit(colours[math.floor(furrow) % len(colours)], light, 0), 0.8)

    return layer

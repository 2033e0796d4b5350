"""How a recipe frames a picture: sizes in px and boxes, no pixels. Pure. Small pictures are never enlarged."""

from __future__ import annotations

from watcher.model import Recipe

Size = tuple[int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom


def scale(recipe: Recipe, size: Size) -> float:
    """By how much a picture of `size` (upright) must be scaled for `recipe`: above 0, never above 1."""
    scales = [wanted / side for wanted, side in zip(_wanted(recipe), size, strict=True)]
    return min(1.0, max(scales) if recipe.mode == "fill" else min(scales))


def scaled(size: Size, by: float) -> Size:
    """`size` scaled; a side is at least 1 px, however long and thin the picture is."""
    return max(1, round(size[0] * by)), max(1, round(size[1] * by))


def frame(recipe: Recipe, size: Size) -> tuple[Size, Box]:
    """The size of the rendition, and the part of a picture of `size` that it shows.

    "fit" shows all; "fill" cuts the middle out: to exactly the recipe's size, of a picture that is too small to
    the recipe's shape.
    """
    by = scale(recipe, size)
    if recipe.mode == "fit":
        return scaled(size, by), (0, 0, *size)
    wanted = _wanted(recipe)
    missing = max(wanted[0] / size[0], wanted[1] / size[1], 1.0)
    target = scaled(wanted, 1 / missing)
    width, height = min(size[0], target[0] / by), min(size[1], target[1] / by)
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return target, (left, top, left + width, top + height)


def _wanted(recipe: Recipe) -> Size:
    width, _, height = recipe.size.partition("x")
    return int(width), int(height or width)

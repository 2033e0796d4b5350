"""How a recipe frames a picture: sizes in px and boxes, no pixels. Pure."""

from __future__ import annotations

from watcher.errors import RejectedError
from watcher.model import Recipe

Size = tuple[int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom


def scale(recipe: Recipe, size: Size) -> float:
    """By how much a picture of `size` (upright) may be scaled before it is framed: above 0, never above 1.

    Raises RejectedError when the recipe cuts out nothing of it.
    """
    return min(1.0, _growth(recipe, _part(crop(recipe, size))))


def scaled(size: tuple[float, float], by: float) -> Size:
    """`size` scaled; a side is at least 1 px, however long and thin the picture is."""
    return max(1, round(size[0] * by)), max(1, round(size[1] * by))


def frame(recipe: Recipe, size: Size) -> tuple[Size, Box]:
    """The size of the rendition, and the part of an upright picture of `size` that it shows.

    "fit" shows all that the crop left; "fill" cuts the middle out of it, and "stretch" bends it: both to exactly the
    recipe's size, or to the recipe's shape where that would enlarge and must not. Raises RejectedError as `scale`.
    """
    box = crop(recipe, size)
    part = _part(box)
    by = _growth(recipe, part) if recipe.enlarge else min(1.0, _growth(recipe, part))
    if recipe.mode == "fit":
        return scaled(part, by), box
    wanted = _wanted(recipe)
    missing = 1.0 if recipe.enlarge else max(1.0, wanted[0] / part[0], wanted[1] / part[1])
    target = scaled(wanted, 1 / missing)
    if recipe.mode == "stretch":
        return target, box
    width, height = min(part[0], target[0] / by), min(part[1], target[1] / by)
    left, top = box[0] + (part[0] - width) / 2, box[1] + (part[1] - height) / 2
    return target, (left, top, left + width, top + height)


def crop(recipe: Recipe, size: Size) -> Box:
    """The recipe's crop of a picture of `size`, kept within it. Raises RejectedError when nothing is left."""
    if not recipe.crop:
        return 0, 0, *size
    left, top, right, bottom = (_along(edge, size[at % 2]) for at, edge in enumerate(recipe.crop))
    if left >= right or top >= bottom:
        raise RejectedError(
            f'the recipe "{recipe.name}" cuts out nothing of its {size[0]} x {size[1]} pixels: '
            f"its crop is {', '.join(map(str, recipe.crop))} (left, top, right, bottom)"
        )
    return left, top, right, bottom


def _along(edge: int | str, side: int) -> float:
    at = float(edge.rstrip("%")) / 100 * side if isinstance(edge, str) else edge
    return min(max(0, round(at)), side)


def _part(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def _growth(recipe: Recipe, part: tuple[float, float]) -> float:
    scales = [wanted / side for wanted, side in zip(_wanted(recipe), part, strict=True)]
    return min(scales) if recipe.mode == "fit" else max(scales)


def _wanted(recipe: Recipe) -> tuple[float, float]:
    """The box to go into. A side that the recipe leaves open has no end."""
    width, across, height = recipe.size.partition("x")
    if not across:
        return int(width), int(width)
    return float(width or "inf"), float(height or "inf")

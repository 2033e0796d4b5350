"""Renditions of pictures that are in the library already: one that is asked for, or all that are not as configured.

A picture is decoded and rendered first, which takes long and holds up nobody. Then, within one transaction of the
catalog, it is looked whether the original is still the asset's, the files take their names, and the rows say so: no
asset can be removed in between, nor another picture take its names. Whoever dies before the commit leaves files
whose fingerprint the catalog does not know: they are made again the next time. So a rebuilding goes on where it ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watcher.db import views
from watcher.db.catalog import Catalog
from watcher.db.connect import transaction
from watcher.errors import RejectedError, RetryError, UnavailableError
from watcher.model import Format, Limits, Recipe, shown
from watcher.storage.base import PRIVATE
from watcher.storage.local import LocalStorage

if TYPE_CHECKING:
    from watcher.processing.image import Rendered


@dataclass(frozen=True, slots=True)
class Order:
    """Renditions to be made of one asset: its id, its original's key and format."""

    asset: int
    key: str
    format: Format
    recipes: tuple[Recipe, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What one recipe has in a rebuilding: how many renditions, how many of them there never were, the bytes of
    those that are replaced, the bytes of the originals that are read."""

    recipe: str
    count: int = 0
    missing: int = 0
    bytes: int = 0
    original_bytes: int = 0


def order(connection: sqlite3.Connection, asset: int, *recipes: Recipe) -> Order:
    """An order for these `recipes`. Raises RetryError when the asset is not in the catalog (any more)."""
    row = views.original(connection, asset)
    if row is None:
        raise RetryError(f"asset {asset} was removed meanwhile")
    return Order(asset, row["key"], row["format"], recipes)


def outdated(
    connection: sqlite3.Connection, recipes: Sequence[Recipe], inboxes: Mapping[str, Sequence[str]]
) -> tuple[list[Order], list[Share]]:
    """What is not as `recipes` have it: made by other settings, or never made although its inbox wants it.

    `inboxes`: the names of the recipes for each inbox's name. Renditions of other recipes stay as they are.
    """
    orders: dict[int, Order] = {}
    shares = []
    for recipe in recipes:
        share = Share(recipe.name)
        wanting = [inbox for inbox, names in inboxes.items() if recipe.name in names]
        for row in views.outdated(connection, recipe.name, recipe.fingerprint(), wanting):
            order = orders.get(row["id"]) or Order(row["id"], row["key"], row["format"], ())
            orders[row["id"]] = replace(order, recipes=(*order.recipes, recipe))
            share = _with(share, row["size"], row["original_size"])
        shares.append(share)
    return [orders[asset] for asset in sorted(orders)], shares


def _with(share: Share, size: int | None, original_size: int) -> Share:
    return Share(
        share.recipe,
        share.count + 1,
        share.missing + (size is None),
        share.bytes + (size or 0),
        share.original_bytes + original_size,
    )


def standing(connection: sqlite3.Connection, storage: LocalStorage, asset: int, recipe: Recipe) -> str | None:
    """The key of the asset's rendition by just this recipe, when there is one and its file is there."""
    row = views.rendition(connection, asset, recipe.name)
    if row is None or row["fingerprint"] != recipe.fingerprint():
        return None
    found = storage.stat(row["key"])
    return row["key"] if found and found.size == row["size"] else None


def make(connection: sqlite3.Connection, storage: LocalStorage, order: Order, limits: Limits) -> list[str]:
    """Make what `order` says, keep it and write it down; the keys, one for each recipe.

    Raises RejectedError when the original is missing or cannot be rendered, RetryError when it cannot be read or is not
    the asset's any more, UnavailableError when the library cannot be written: each a sentence that names the file.
    """
    rendered = _rendered(storage.url(order.key), order, limits)
    try:
        with _like_a_worker(storage.root), storage.workspace(f"render-{os.getpid()}") as workspace:
            return _keep(connection, storage, order, rendered, workspace)
    except OSError as error:
        place = shown(str(error.filename or storage.root))
        raise UnavailableError(f"no rendition can be kept in the library: {error.strerror} ({place})") from None


def _rendered(original: str, order: Order, limits: Limits) -> list[Rendered]:
    from watcher.processing import developing  # what reads pictures takes longer to import than a standing one to find

    try:
        rendered, _ = developing.render(original, order.format, order.recipes, limits)
    except FileNotFoundError:
        advice = f"drop the picture again, or forget it with watcher remove {order.asset}"
        raise RejectedError(f"{shown(original)} is missing: {advice}") from None
    except RejectedError as error:
        raise RejectedError(f"{shown(original)}: {error}") from None
    except OSError as error:
        raise RetryError(f"{shown(original)} cannot be read: {error.strerror}") from None
    if not rendered:
        raise RejectedError(f"{shown(original)}: there is no picture in it to render")
    return rendered


def _keep(
    connection: sqlite3.Connection,
    storage: LocalStorage,
    order: Order,
    rendered: Sequence[Rendered],
    workspace: str,
) -> list[str]:
    catalog = Catalog(connection)
    with transaction(connection):
        before = catalog.known(order.asset)
        if before is None or before.key != order.key:
            raise RetryError(f"{shown(storage.url(order.key))} was removed or replaced meanwhile: look it up again")
        keys = [_put(catalog, storage, order, one, workspace) for one in rendered]
        after = catalog.known(order.asset)
    # a recipe that gives another format now has another name for its file
    former = before.keys - (after.keys if after else before.keys)
    for key in former - catalog.named(sorted(former)):
        storage.delete(key)
    return keys


def _put(catalog: Catalog, storage: LocalStorage, order: Order, one: Rendered, workspace: str) -> str:
    from watcher.processing import publishing

    made = publishing.put_rendition(one, order.key, storage, workspace)
    catalog.put_rendition(order.asset, made)
    return made.key


@contextlib.contextmanager
def _like_a_worker(library: str) -> Iterator[None]:
    """Hold what workers hold: a daemon that starts waits for it before it clears away what others left half-made."""
    lock = os.open(os.path.join(library, PRIVATE, "workers.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)

"""Taking an asset out of the library: its files into the trash, its rows out of the catalog.

The order makes it safe to die anywhere and to be told again. Within one transaction of the catalog (so that the daemon
commits nothing about these files meanwhile) the renditions go to the trash, then the original, then the rows; only
then the transaction is committed. Whoever dies before that leaves the rows: the asset is found as before, some of its
files lie in the trash already, and a second removal moves the rest and takes the rows. Rows first would leave files
that nothing names. A picture dropped again at any moment is taken: its worker finds no original standing, or its
commit finds no row.
"""

from __future__ import annotations

import sqlite3

from watcher import chronicle
from watcher.db import annals
from watcher.db.catalog import Catalog
from watcher.db.connect import transaction
from watcher.storage import trash


def remove(connection: sqlite3.Connection, library: str, asset: int, token: str) -> list[str]:
    """Remove the asset with this id; where its files lie now, the original last (none, when there is no such asset).

    Raises UnavailableError when a file cannot be moved: the asset is still in the catalog then.
    """
    catalog = Catalog(connection)
    with transaction(connection):
        known = catalog.known(asset)
        if known is None:
            return []
        moved = trash.move(library, token, [*sorted(known.keys - {known.key}), known.key])
        digest = annals.digest(connection, asset)
        catalog.remove(asset)
        chronicle.append(library, [annals.of_removal(digest)], fsync=True)
    return moved

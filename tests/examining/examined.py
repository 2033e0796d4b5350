"""A library that a real run has filled, to be damaged and examined."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from watcher.examining.examination import examine
from watcher.examining.finding import Finding, Note, Remark
from watcher.examining.site import Inbox, Site

OWN = ("space", "limit", "version", "clock")  # kinds that are about the machine on which the tests run


@dataclass
class Place:
    """`inbox` and `library` are a copy of their own for each test; `found` examines them without waiting."""

    root: Path
    looks: list[str] = field(default_factory=list)  # one for each time that the examination would have waited

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def library(self) -> Path:
        return self.root / "library"

    @property
    def private(self) -> Path:
        return self.library / ".watcher"

    @property
    def catalog(self) -> Path:
        return self.private / "watcher.db"

    @property
    def failed(self) -> Path:
        return self.inbox / "failed"

    def site(self, **changes: Any) -> Site:
        inbox = Inbox(str(self.inbox), "phone", configured=True)
        return replace(Site(str(self.library), str(self.catalog), (inbox,)), **changes)

    def remarks(self, site: Site | None = None) -> list[Remark]:
        return list(examine(site or self.site(), lambda: self.looks.append("again")))

    def found(self, site: Site | None = None) -> list[Finding]:
        """What is wrong, but for what may be so on this machine."""
        findings = [remark for remark in self.remarks(site) if isinstance(remark, Finding)]
        return [finding for finding in findings if finding.kind not in OWN]

    def finding(self, site: Site | None = None) -> Finding:
        """The one thing that is wrong."""
        (only,) = self.found(site)
        assert only.remedy
        return only

    def notes(self, about: str, site: Site | None = None) -> list[str]:
        return [remark.what for remark in self.remarks(site) if isinstance(remark, Note) and remark.about == about]

    def sql(self, statement: str, *values: object) -> list[Any]:
        """The rows of what another program does to the catalog: no checks, no triggers of ours are in its way."""
        with closing(sqlite3.connect(self.catalog, isolation_level=None)) as db:
            return db.execute(statement, values).fetchall()

    def one(self, query: str, *values: object) -> Any:
        """The first value of the first row."""
        return self.sql(query, *values)[0][0]

    def flying(self, path: str | bytes = "new.jpg", **columns: object) -> Path:
        """A claimed file that no worker has had yet; where it lies."""
        claim = "0000000000000001-abcd"
        row = {
            "claim": claim,
            "inbox_id": 1,
            "path": os.fsencode(path),
            "name": "new.jpg",
            "state": "queued",
            **columns,
        }
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self.sql(f"insert into jobs ({names}, created_at) values ({marks}, '2026-01-01T00:00:00Z')", *row.values())
        return self.put(self.inbox / ".watcher" / "spool" / claim / os.fsdecode(path))

    def put(self, path: Path, content: bytes = b"bytes") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def original(self, name: str) -> Path:
        return self.library / self.one("select key from assets where name = ?", name)

    def rendition(self, name: str) -> Path:
        query = "select r.key from renditions r join assets a on a.id = r.asset_id where a.name = ? order by r.key"
        return self.library / self.one(query, name)


def kinds(findings: Sequence[Finding]) -> list[str]:
    return [finding.kind for finding in findings]

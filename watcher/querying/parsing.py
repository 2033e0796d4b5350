"""From text to a tree: the grammar. NOT binds closer than AND, which needs no word, and AND closer than OR."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from watcher.querying import terms
from watcher.querying.lexing import Lexeme, Term, lexemes
from watcher.querying.mistakes import QueryError
from watcher.querying.tree import All, Any, Letters, Node, Not
from watcher.showing import shown

# SQLite's own limits lie above (1000 terms deep, a stack of 100 symbols in its parser): they would speak of expression
# trees, and not of the query.
MAX_TERMS = 500
MAX_DEPTH = 20

Saved = Callable[[str], "str | None"]

_NAME = r"[^\W_][\w.-]*"
_SAVED_NAME = re.compile(f"@({_NAME})")


def parse(text: str, now: datetime, saved: Saved = lambda name: None, library: str = "") -> Node:
    """The tree of a query; an empty one finds everything.

    `now` is local time, for `today` and `-2w`: naive in the machine's zone, aware in its own. `saved` gives the
    query that `@NAME` stands for, or None when there is none. `library` is the absolute path of the library.
    Raises QueryError, and nothing else.
    """
    return _Parser(shown(text), now, saved, shown(library)).tree()


def is_name(text: str) -> bool:
    """Whether a saved query may be called `text`."""
    return re.fullmatch(_NAME, text) is not None


class _Parser:
    """One text. What a saved query in it says is read by another one, which knows the names it came by."""

    def __init__(self, text: str, now: datetime, saved: Saved, library: str, names: tuple[str, ...] = ()) -> None:
        self._text, self._now, self._saved, self._library, self._names = text, now, saved, library, names
        self._lexemes = list(lexemes(text))
        self._at = 0
        self._depth = 0  # of parentheses and saved queries
        self._terms = 0  # so far, in all texts: a few saved queries could multiply into millions

    def tree(self) -> Node:
        if not self._lexemes:
            return All(())
        found = self._any()
        left = self._peek()
        if left:
            raise self._mistake("this parenthesis was not opened", left)
        return found

    def _any(self) -> Node:
        parts = [self._all()]
        while self._take("OR"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _all(self) -> Node:
        found = [self._part()]
        while (lexeme := self._peek()) and lexeme.kind not in ("OR", ")"):
            self._take("AND")
            found.append(self._part())
        # a sign between words, as in `cat & dog`, is none: by itself or in quotes it is looked for
        parts = [part for part, is_sign in found if not is_sign] or [part for part, _ in found]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _part(self) -> tuple[Node, bool]:
        """A part of a conjunction, and whether it is a mere sign."""
        lexeme = self._peek()
        part = self._one()
        is_bare = isinstance(lexeme, Term) and lexeme.name is None and not lexeme.quoted
        return part, is_bare and isinstance(part, Letters)

    def _one(self) -> Node:
        negated = False
        while self._take("NOT"):
            negated = not negated
        part = self._group() if self._take("(") else self._term()
        return Not(part) if negated else part

    def _group(self) -> Node:
        opening = self._lexemes[self._at - 1]
        self._descend(opening)
        found = self._any()
        if not self._take(")"):
            raise self._mistake("this parenthesis is not closed", opening)
        self._depth -= 1
        return found

    def _term(self) -> Node:
        lexeme = self._peek()
        if not isinstance(lexeme, Term):
            raise self._missing(lexeme)
        self._at += 1
        lexeme = self._with_unit(lexeme)
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise self._mistake(f"a query may have at most {MAX_TERMS} words", lexeme)
        name = _SAVED_NAME.fullmatch(lexeme.value)
        if name and lexeme.name is None and not lexeme.quoted:
            return self._expanded(name[1], lexeme)
        return terms.node(lexeme, self._text, self._now, self._library)

    def _with_unit(self, term: Term) -> Term:
        """`size:>5 MB` as one term: the unit stands by itself."""
        unit = self._peek()
        if not isinstance(unit, Term) or unit.name or unit.quoted or not terms.is_unit(term, unit.value):
            return term
        self._at += 1
        return term._replace(value=f"{term.value} {unit.value}")

    def _expanded(self, name: str, lexeme: Lexeme) -> Node:
        """What the saved query `name` means. Its own mistakes are shown in its own text."""
        if name in self._names:
            raise self._mistake(f"the saved query {name!r} contains itself", lexeme)
        text = self._saved(name)
        if text is None:
            raise self._mistake(f"no query is saved as {name!r} (in quotes it is a word to look for)", lexeme)
        self._descend(lexeme)
        try:
            inner = _Parser(shown(text), self._now, self._saved, self._library, (*self._names, name))
            inner._depth, inner._terms = self._depth, self._terms
            found = inner.tree()
        except QueryError as error:
            raise error if error.saved else QueryError(error.message, error.position, error.query, name) from None
        self._depth, self._terms = self._depth - 1, inner._terms
        return found

    def _descend(self, lexeme: Lexeme) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._mistake(f"parentheses and saved queries may be at most {MAX_DEPTH} deep", lexeme)

    def _peek(self) -> Lexeme | None:
        return self._lexemes[self._at] if self._at < len(self._lexemes) else None

    def _take(self, kind: str) -> bool:
        lexeme = self._peek()
        found = lexeme is not None and lexeme.kind == kind
        self._at += found
        return found

    def _missing(self, found: Lexeme | None) -> QueryError:
        """Something must stand here: after an operator that wants it, or before the one that was met."""
        if self._at and (found is None or found.kind == ")"):
            before = self._lexemes[self._at - 1]
            return self._mistake(f"something is missing after {before.kind}", before)
        assert found is not None  # a query without lexemes is not read at all
        return self._mistake(f"something is missing before {found.kind} (in quotes it is a word to look for)", found)

    def _mistake(self, message: str, lexeme: Lexeme) -> QueryError:
        return QueryError(message, lexeme.position, self._text)

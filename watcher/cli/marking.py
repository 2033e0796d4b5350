"""What a query asked for stands out in the table: the parts of a text that match its words."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from watcher.cli.output import Mark
from watcher.fields import columns_of
from watcher.querying.folding import tokens, written
from watcher.querying.tree import All, Any, Exact, Inside, Node, Not, Words

_ON, _OFF = "\x1b[1m", "\x1b[22m"  # ECMA-48: bold, and neither bold nor faint

Wanted = Words | Inside


def marks(query: Node) -> Mark:
    """Puts the words that `query` asks for in bold; nothing where NO_COLOR is set (no-color.org)."""
    wanted = list(_wanted(query))
    if not wanted or os.environ.get("NO_COLOR"):
        return lambda name, text: text
    return lambda name, text: _marked(text, [one for one in wanted if _concerns(one, name)])


def words_of(query: Node) -> list[str]:
    """The tokens that `query` asks for whole, in their order, each once."""
    return list(dict.fromkeys(token for leaf in _leaves(query) for token in _whole(leaf)))


def _whole(leaf: Node) -> tuple[str, ...]:
    if isinstance(leaf, Exact):
        return tokens(leaf.text)
    if isinstance(leaf, Words):
        return leaf.tokens[:-1] if leaf.open else leaf.tokens
    return ()


def _wanted(query: Node) -> Iterator[Wanted]:
    return (leaf for leaf in _leaves(query) if isinstance(leaf, Words | Inside))


def _leaves(node: Node) -> Iterator[Node]:
    """The terms of a query, without those that must not be there."""
    if isinstance(node, All | Any):
        for part in node.parts:
            yield from _leaves(part)
    elif not isinstance(node, Not):
        yield node


def _concerns(wanted: Wanted, name: str) -> bool:
    if wanted.field is None or wanted.field == name:
        return True
    return "." not in name and wanted.field in columns_of(name)


def _marked(text: str, wanted: Sequence[Wanted]) -> str:
    pieces = list(written(text))
    places = [at for at, (token, _) in enumerate(pieces) if token]
    texts = [pieces[at][0] for at in places]
    chosen = {places[index] for one in wanted for index in _found(texts, one)}
    return "".join(f"{_ON}{piece}{_OFF}" if at in chosen else piece for at, (_, piece) in enumerate(pieces))


def _found(texts: Sequence[str], wanted: Wanted) -> Iterator[int]:
    """The places in `texts`, tokens, of what is wanted."""
    if isinstance(wanted, Inside):
        yield from (index for index, token in enumerate(texts) if wanted.letters in token)
        return
    *first, last = wanted.tokens
    for start in range(len(texts) - len(first)):
        *found, end = texts[start : start + len(wanted.tokens)]
        if found == first and (end == last or (wanted.open and end.startswith(last))):
            yield from range(start, start + len(wanted.tokens))

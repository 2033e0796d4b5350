"""What the tree of a query means in SQL: a condition over `assets`, its values bound.

It reads the index that `wording` keeps and calls the functions of `functions`. Order, limits and which way is the
faster are for `search` to choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watcher.db.functions import around
from watcher.db.wording import AND, INDEX, LISTS, PLACES, POSTINGS, SEVERAL, TERMS, TEXTS, WEIGHTS, whole
from watcher.querying.tree import (
    All,
    Any,
    Calendar,
    DroppedAgain,
    Exact,
    Inside,
    Letters,
    Near,
    Node,
    Not,
    Present,
    Range,
    Regex,
    Rendition,
    Shape,
    Words,
)

Condition = tuple[str, tuple[object, ...]]

_CAMERA = "trim(coalesce(assets.camera_make, '') || ' ' || coalesce(assets.camera_model, ''))"
_SOURCES = {"camera": _CAMERA, "path": "assets.key"}
# the columns of the index with the values that a field may have as a whole, where it has more than its own
_PARTS = {
    "camera": ("camera", "camera_make", "camera_model"),
    "place": ("place", "location", "city", "state", "country"),
}
_SHAPES = {
    "landscape": "assets.width > assets.height",
    "portrait": "assets.width < assets.height",
    "square": "assets.width = assets.height",
    "panorama": "max(assets.width, assets.height) >= 2 * min(assets.width, assets.height)",
}
# Each of them in a row is one deeper for SQLite, which where it makes several searches of an OR counts them twice.
_SIDE_BY_SIDE = 50
_DROPPED_AGAIN = "assets.id in (select asset_id from provenance group by asset_id having count(*) > 1)"
# the part of taken_at that tells, and the precisions with which it is not known
_CALENDAR = {
    "month": ("substr(assets.taken_at, 6, 2)", "'year'"),
    "weekday": ("strftime('%w', substr(assets.taken_at, 1, 10))", "'year', 'month'"),
    "hour": ("substr(assets.taken_at, 12, 2)", "'year', 'month', 'day'"),
}


def condition(node: Node) -> Condition:
    """The condition, true for the assets that `node` means, false or null for the others."""
    words, rest = split(node)
    conditions = [] if words is None else [_indexed(words)]
    return _joined("and", [*conditions, *(_meaning(part) for part in rest)])


def probing(node: Node) -> Condition:
    """The same in the form that costs little asked of one asset after the other, and much asked of all.

    For a walk by date that ends when enough are found: `condition` first gathers all that have a common word.
    """
    words, rest = split(node)
    asked = [] if words is None else [_probed(words)]
    return _joined("and", [*asked, *map(_asked, rest)])


def _asked(node: Node) -> Condition:
    match node:
        case All():
            return probing(node)
        case Any(parts):
            return _joined("or", [probing(part) for part in parts])
        case Not(part):
            return _negated(probing(part))
        case Near():
            return _distance(node)
        case DroppedAgain():
            return "(select count(*) from provenance where asset_id = assets.id) > 1", ()
        case _:
            return _meaning(node)


def split(node: Node) -> tuple[str | None, tuple[Node, ...]]:
    """An FTS5 expression that all matches fulfil, and what they must fulfil besides.

    The expression is for `from assets_fts where assets_fts match ?`, which can be ranked and ends early; None: no word
    is asked for. `rest` is a conjunction; each part has its `condition`. A whole value is in both: its words are found
    by the index, and few of those that have them are left to compare.
    """
    parts = _parts(node)
    wanted = {part: expression for part in parts if (expression := _expression(part)) is not None}
    narrowing = [phrase for part in parts if isinstance(part, Exact) and (phrase := _words_of(part)) is not None]
    if not wanted and not narrowing:
        return None, parts
    unwanted = {part: _expression(part.part) for part in parts if isinstance(part, Not)}
    unwanted = {part: expression for part, expression in unwanted.items() if expression is not None}
    rest = tuple(part for part in parts if part not in wanted and part not in unwanted)
    return _difference([*wanted.values(), *narrowing], filter(None, unwanted.values())), rest


def ranking(node: Node) -> tuple[str | None, Condition]:
    """The words to rank by, as an FTS5 expression, and what must be fulfilled besides, in the form of `probing`.

    What must not be there is no part of the expression: bm25 would count all that have it.
    """
    words, rest = split(node)
    wanted, _ = split(All(tuple(part for part in _parts(node) if not isinstance(part, Not))))
    asked = [] if words is None or words == wanted else [_indexed(words)]
    return wanted, _joined("and", [*asked, *map(_asked, rest)])


def _parts(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, All) else (node,)


def _expression(node: Node) -> str | None:
    """`node` as an FTS5 expression, when all of it is about words of the index."""
    if isinstance(node, Words):
        return _phrase(node)
    if isinstance(node, Any):
        parts = [_expression(part) for part in node.parts]
        return None if None in parts else f"({' OR '.join(filter(None, parts))})"
    if isinstance(node, All):
        words, rest = split(node)
        return None if rest else words
    return None


def _words_of(node: Exact) -> str | None:
    """What the index has of a whole value; None when it has none of this field."""
    if node.field not in WEIGHTS or node.field == "path":
        return None
    return f'{{{" ".join(_parts_of(node.field))}}} : "{whole(node.text)}"'


def _parts_of(field: str) -> tuple[str, ...]:
    return _PARTS.get(field, (field,))


def _difference(wanted: Iterable[str], unwanted: Iterable[str]) -> str:
    left, right = " AND ".join(wanted), " OR ".join(unwanted)
    return f"(({left}) NOT ({right}))" if right else f"({left})"


def _phrase(node: Words) -> str:
    # each token in quotes: nothing in it is an operator
    columns = " ".join(TEXTS) if node.field is None else node.field
    return f'{{{columns}}} : "{" ".join(node.tokens)}"' + (" *" if node.open else "")


def _indexed(expression: str) -> Condition:
    return f"assets.id in (select rowid from {INDEX} where {INDEX} match ?)", (expression,)


def _probed(expression: str) -> Condition:
    if '" *' in expression:  # the beginnings of words are put together from all that begin so, for each asset anew
        return _indexed(expression)
    return f"exists (select 1 from {INDEX} where {INDEX} match ? and rowid = assets.id)", (expression,)


def _meaning(node: Node) -> Condition:
    match node:
        case All():
            return condition(node)
        case Any(parts):
            return _joined("or", [condition(part) for part in parts])
        case Not(part):
            # what is absent is no match, so it is one of the negation: null must not stay null
            return _negated(condition(part))
        case Words():
            return _indexed(_phrase(node))
        case Inside(letters, field):
            return _inside(letters, field)
        case Letters(text, field):
            columns = (field,) if field else TEXTS
            return _joined("or", [_any_value(column, "instr({}, ?)", text) for column in columns])
        case Exact(field, text):
            return _equal(field, text)  # its words are found by `split`
        case Regex(field, pattern, under):
            return _found(field, pattern, under)
        case Present(field):
            return _present(field), ()
        case Range():
            return _range(node)
        case Calendar(unit, numbers):
            return _calendar(unit, numbers), ()
        case Near():
            return _near(node)
        case Shape(name):
            return f"min(assets.width, assets.height) > 0 and {_SHAPES[name]}", ()
        case Rendition(recipe):
            which = "" if recipe is None else " and recipe = ?"
            found = f"exists (select 1 from renditions where asset_id = assets.id{which})"
            return found, () if recipe is None else (recipe,)
        case DroppedAgain():
            return _DROPPED_AGAIN, ()


def _negated(inner: Condition) -> Condition:
    return f"({inner[0]}) is not true", inner[1]


def _joined(operator: str, conditions: Sequence[Condition]) -> Condition:
    if not conditions:
        return "1", ()
    if len(conditions) == 1:
        return conditions[0]
    # What is nested deepest stands first: behind something else it would cost SQLite's parser more of its small stack.
    ordered = sorted(conditions, key=lambda condition: condition[0].count("("), reverse=True)
    while len(ordered) > _SIDE_BY_SIDE:
        ordered = [_in_a_row(operator, ordered[n : n + _SIDE_BY_SIDE]) for n in range(0, len(ordered), _SIDE_BY_SIDE)]
    return _in_a_row(operator, ordered)


def _in_a_row(operator: str, conditions: Sequence[Condition]) -> Condition:
    sql = f" {operator} ".join(f"({sql})" for sql, _ in conditions)
    return sql, tuple(value for _, values in conditions for value in values)


def _source(field: str) -> str:
    return _SOURCES.get(field, f"assets.{field}")


def _any_value(field: str, test: str, value: str) -> Condition:
    """`test` of any value that the field has; `{}` in it is that value."""
    if field in LISTS or field in SEVERAL:
        each = f"select 1 from {_array(field)} where {test.format('value')}"
        return f"assets.{field} <> '[]' and exists ({each})", (value,)
    # said although it follows: an index of those that are not null is used only then
    sources = map(_source, _parts_of(field))
    return _joined("or", [(f"{source} is not null and {test.format(source)}", (value,)) for source in sources])


def _found(field: str, pattern: str, under: str) -> Condition:
    """The values of lists are gone through by the function: SQL would take twice as long."""
    if under:
        return f"found(?, ? || {_source(field)})", (pattern, under)
    if field in LISTS:
        return f"assets.{field} <> '[]' and found_in_list(?, assets.{field})", (pattern,)
    if field in SEVERAL:
        return f"assets.{field} is not null and found_in_several(?, assets.{field})", (pattern,)
    if field in _PARTS:
        return f"found_in_few(?, {', '.join(map(_source, _PARTS[field]))})", (pattern,)
    return _any_value(field, "found(?, {})", pattern)


def _array(field: str) -> str:
    """A table of the values that an asset has in `field`, one of LISTS or SEVERAL."""
    if field in LISTS:
        return f"json_each(assets.{field})"
    return f"""json_each(replace(json_array(assets.{field}), '{AND}', '","'))"""  # SQL cannot split text


def _inside(letters: str, field: str | None) -> Condition:
    columns = (field,) if field else TEXTS
    if " " in letters:  # over the border of two tokens: no term has it
        anywhere = " or ".join(f"instr({column}, ?)" for column in columns)
        return f"assets.id in (select rowid from {INDEX} where {anywhere})", (letters,) * len(columns)
    # by the terms and their postings, not by one expression of them all: FTS5 merges many of them slowly
    named = ", ".join(f"'{column}'" for column in columns)
    terms = f"select term from {TERMS} where instr(term, ?)"
    return f"assets.id in (select doc from {POSTINGS} where term in ({terms}) and col in ({named}))", (letters,)


def _equal(field: str, text: str) -> Condition:
    if field == "path":  # people see it absolute, the catalog has it below the library
        parts = text.split("/")
        keys = tuple("/".join(parts[start:]) for start in range(len(parts)))
        return f"assets.key in ({', '.join('?' * len(keys))})", keys
    return _any_value(field, "{} = ?", text)


def _present(field: str) -> str:
    if field in LISTS:
        return f"json_array_length(assets.{field}) > 0"
    return f"{_source(field)} <> ''"


def _range(node: Range) -> Condition:
    bounds = [(node.low, ">"), (node.high, "<")]
    limits = [(sign + "=" * bound.included, bound.value) for bound, sign in bounds if bound]
    sql = " and ".join(f"{_source(node.field)} {sign} ?" for sign, _ in limits)
    return sql, tuple(value for _, value in limits)


def _calendar(unit: str, numbers: Iterable[int]) -> str:
    part, unknown = _CALENDAR[unit]
    known = f"coalesce(assets.taken_precision, 'second') not in ({unknown})"
    return f"cast({part} as integer) in ({', '.join(map(str, numbers))}) and {known}"


def _near(node: Near) -> Condition:
    """The boxes around the circle by the R*Tree, then the distance itself: its 32 bits do not tell metres."""
    tree, values = boxed(node)
    return _joined("and", [(f"assets.id in ({tree})", values), _distance(node)])


def boxed(node: Near) -> Condition:
    """A select of the ids of all assets near enough, and of some that lie a little farther."""
    boxes = around(node.latitude, node.longitude, node.metres)
    overlap = "north >= ? and south <= ? and east >= ? and west <= ?"
    tree = " union all ".join(f"select id from {PLACES} where {overlap}" for _ in boxes)
    return tree, tuple(edge for box in boxes for edge in box)


def _distance(node: Near) -> Condition:
    known = "assets.latitude is not null and assets.longitude is not null"
    within = "metres(assets.latitude, assets.longitude, ?, ?) <= ?"
    return f"{known} and {within}", (node.latitude, node.longitude, node.metres)

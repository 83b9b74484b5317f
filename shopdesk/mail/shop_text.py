"""Texts that shops write themselves: ``{{ customer.name }}``, ``{% if %}`` and ``{% for %}`` over plain dicts.

This is an interpreter of its own, a few screens long, and not a template engine with parts switched off: there is no
attribute access, no call and no index anywhere in it, so nothing but the names that were handed in can be reached.

The words: ``{{ a.b }}``; ``{% if a.b %}``, ``not``, ``and``, ``or``, ``==``, ``!=`` with names and "quoted" words,
``{% elif %}``, ``{% else %}``, ``{% endif %}``; ``{% for item in a.items %}``, ``{% empty %}``, ``{% endfor %}``;
``{# a remark #}``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

MAX_SOURCE = 50_000  # characters of a text
MAX_OUTPUT = 200_000  # characters that a text may grow to
MAX_DEPTH = 20  # blocks in blocks

_TOKEN = re.compile(r"({{.*?}}|{%.*?%}|{#.*?#})")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")
_WORD = re.compile(r"""\s*(==|!=|"[^"]*"|'[^']*'|[A-Za-z][A-Za-z0-9_.]*|\d+)""")
_FOR = re.compile(r"for\s+([A-Za-z][A-Za-z0-9_]*)\s+in\s+(\S+)")


class BadTemplate(Exception):
    """The text cannot be read; the message says where, in the reader's language."""


class UnknownVariable(Exception):
    """The text uses names that do not exist. ``names`` lists them in order."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(", ".join(names))


@dataclass(frozen=True)
class _Name:
    path: str


@dataclass(frozen=True)
class _Test:
    """``left`` compared with ``right``, or, without an operator, whether ``left`` says anything."""

    left: "_Name | str"
    operator: str = ""
    right: "_Name | str" = ""
    negated: bool = False


@dataclass
class _If:
    # (alternatives of "or", each a list of tests joined by "and"; None for else) -> body
    branches: list[tuple[list[list[_Test]] | None, list["_Node"]]] = field(default_factory=list)


@dataclass
class _For:
    variable: str
    over: _Name
    body: list["_Node"] = field(default_factory=list)
    empty: list["_Node"] = field(default_factory=list)


_Node = str | _Name | _If | _For


def render(source: str, context: Mapping[str, Any]) -> str:
    """The text with its names filled in from plain dicts, lists, strings, numbers and booleans.

    Raises BadTemplate, and UnknownVariable with every unknown name in it (also in branches that are not taken).
    """
    nodes = _parse(source)
    unknown = list(dict.fromkeys(_unknown(nodes, context)))
    if unknown:
        raise UnknownVariable(unknown)
    out: list[str] = []
    _render(nodes, dict(context), out, [MAX_OUTPUT])
    return "".join(out)


def check(source: str, known: set[str]) -> None:
    """Raise what :func:`render` would, when only the dotted names of ``known`` exist.

    Names under a list are written with the list's own name: ``order.items.name`` for ``{{ item.name }}``.
    """
    tree: dict[str, Any] = {}
    for path in sorted(known):
        here = tree
        for part in path.split("."):
            here = here.setdefault(part, {})
    unknown = list(dict.fromkeys(_unknown_in_tree(_parse(source), tree)))
    if unknown:
        raise UnknownVariable(unknown)


# --- reading ------------------------------------------------------------------------------------------------------


def _parse(source: str) -> list[_Node]:
    if len(source) > MAX_SOURCE:
        raise BadTemplate(_("The text is too long."))
    root: list[_Node] = []
    open_blocks: list[tuple[_If | _For, list[_Node]]] = []  # the block, and the body that it stands in
    body = root
    for token in _TOKEN.split(source):
        if not token or token.startswith("{#"):
            continue
        if token.startswith("{{"):
            body.append(_name(token[2:-2].strip(), token))
            continue
        if not token.startswith("{%"):
            body.append(token)
            continue
        words = token[2:-2].strip()
        tag = words.split(None, 1)[0] if words else ""
        if tag in {"if", "for"}:
            if len(open_blocks) >= MAX_DEPTH:
                raise BadTemplate(_("Too many blocks inside one another."))
            block = _open_if(words, token) if tag == "if" else _open_for(words, token)
            body.append(block)
            open_blocks.append((block, body))
            body = block.branches[0][1] if isinstance(block, _If) else block.body
            continue
        current = open_blocks[-1][0] if open_blocks else None
        if tag in {"elif", "else"} and isinstance(current, _If) and current.branches[-1][0] is not None:
            body = []
            current.branches.append((_tests(words[4:], token) if tag == "elif" else None, body))
        elif words == "empty" and isinstance(current, _For):
            body = current.empty
        elif (words == "endif" and isinstance(current, _If)) or (words == "endfor" and isinstance(current, _For)):
            body = open_blocks.pop()[1]
        else:
            raise BadTemplate(_("%(tag)s is not allowed here.") % {"tag": token})
    if open_blocks:
        raise BadTemplate(_("A block is not closed: endif or endfor is missing."))
    return root


def _name(path: str, token: str) -> _Name:
    if not _NAME.fullmatch(path):
        raise BadTemplate(_("%(tag)s is not a name.") % {"tag": token})
    return _Name(path)


def _open_if(words: str, token: str) -> _If:
    return _If([(_tests(words[2:], token), [])])


def _open_for(words: str, token: str) -> _For:
    match = _FOR.fullmatch(words)
    if not match:
        raise BadTemplate(_("%(tag)s is not allowed here.") % {"tag": token})
    return _For(match[1], _name(match[2], token))


def _tests(words: str, token: str) -> list[list[_Test]]:
    """``a and not b or c == "x"`` as alternatives of joined tests."""
    parts: list[str] = []
    position = 0
    words = words.rstrip()
    while position < len(words):
        match = _WORD.match(words, position)
        if not match:
            raise BadTemplate(_("%(tag)s cannot be read.") % {"tag": token})
        parts.append(match[1])
        position = match.end()
    alternatives: list[list[_Test]] = [[]]
    rest = iter([*parts, ""])
    word = next(rest)
    while True:
        negated = word == "not"
        if negated:
            word = next(rest, "")
        left = _operand(word, token)
        word = next(rest, "")
        operator = ""
        right: _Name | str = ""
        if word in {"==", "!="}:
            operator = word
            right = _operand(next(rest, ""), token)
            word = next(rest, "")
        alternatives[-1].append(_Test(left, operator, right, negated))
        if word == "":
            return alternatives
        if word == "or":
            alternatives.append([])
        elif word != "and":
            raise BadTemplate(_("%(tag)s cannot be read.") % {"tag": token})
        word = next(rest, "")


def _operand(word: str, token: str) -> _Name | str:
    if word in {"", "and", "or", "not", "==", "!="}:
        raise BadTemplate(_("%(tag)s cannot be read.") % {"tag": token})
    if word[0] in "\"'":
        return word[1:-1]
    if word.isdigit():
        return word
    return _name(word, token)


# --- looking names up ---------------------------------------------------------------------------------------------

_MISSING = object()


def _look_up(path: str, context: Mapping[str, Any]) -> Any:
    here: Any = context
    for part in path.split("."):
        if not isinstance(here, Mapping) or part not in here:
            return _MISSING
        here = here[part]
    return here


def _names_of(tests: list[list[_Test]] | None) -> Iterator[_Name]:
    for joined in tests or []:
        for test in joined:
            yield from (operand for operand in (test.left, test.right) if isinstance(operand, _Name))


def _unknown(nodes: list[_Node], context: Mapping[str, Any]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, _Name):
            if _look_up(node.path, context) is _MISSING:
                yield node.path
        elif isinstance(node, _If):
            for tests, body in node.branches:
                for name in _names_of(tests):
                    if _look_up(name.path, context) is _MISSING:
                        yield name.path
                yield from _unknown(body, context)
        elif isinstance(node, _For):
            rows = _look_up(node.over.path, context)
            if rows is _MISSING:
                yield node.over.path
            for row in rows if isinstance(rows, list | tuple) else []:
                yield from _unknown(node.body, {**context, node.variable: row})
            yield from _unknown(node.empty, context)


def _unknown_in_tree(nodes: list[_Node], tree: Mapping[str, Any]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, _Name):
            if _look_up(node.path, tree) is _MISSING:
                yield node.path
        elif isinstance(node, _If):
            for tests, body in node.branches:
                for name in _names_of(tests):
                    if _look_up(name.path, tree) is _MISSING:
                        yield name.path
                yield from _unknown_in_tree(body, tree)
        elif isinstance(node, _For):
            row = _look_up(node.over.path, tree)
            if row is _MISSING:
                yield node.over.path
                continue
            yield from _unknown_in_tree(node.body, {**tree, node.variable: row})
            yield from _unknown_in_tree(node.empty, tree)


# --- writing ------------------------------------------------------------------------------------------------------


def _say(value: Any) -> str:
    return "" if value is None else str(value)


def _value(operand: _Name | str, context: Mapping[str, Any]) -> Any:
    return _look_up(operand.path, context) if isinstance(operand, _Name) else operand


def _holds(test: _Test, context: Mapping[str, Any]) -> bool:
    left = _value(test.left, context)
    if test.operator:
        result = (_say(left) == _say(_value(test.right, context))) == (test.operator == "==")
    else:
        result = bool(left)
    return result != test.negated


def _render(nodes: list[_Node], context: dict[str, Any], out: list[str], room: list[int]) -> None:
    for node in nodes:
        if isinstance(node, str | _Name):
            words = node if isinstance(node, str) else _say(_look_up(node.path, context))
            room[0] -= len(words) + 1
            if room[0] < 0:
                raise BadTemplate(_("The text is too long."))
            out.append(words)
        elif isinstance(node, _If):
            for tests, body in node.branches:
                if tests is None or any(all(_holds(test, context) for test in joined) for joined in tests):
                    _render(body, context, out, room)
                    break
        else:
            rows = _look_up(node.over.path, context)
            rows = rows if isinstance(rows, list | tuple) else []
            for row in rows:
                room[0] -= 1
                if room[0] < 0:
                    raise BadTemplate(_("The text is too long."))
                _render(node.body, {**context, node.variable: row}, out, room)
            if not rows:
                _render(node.empty, context, out, room)

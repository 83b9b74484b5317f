"""Finds every string for people in the source: Python by its syntax tree, templates by Django's own lexer.

Unlike xgettext it needs no program, knows exactly Django's two template tags, and gives file and line for each word.
"""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.template.base import DebugLexer, TokenType
from django.utils.regex_helper import _lazy_re_compile
from django.utils.text import smart_split
from django.utils.translation import trim_whitespace

# Function name -> places of (context, msgid, plural) among its positional arguments.
FUNCTIONS = {
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
SKIPPED = {"tests", ".venv", "var", "node_modules", ".git", "migrations"}
CONSTANT = _lazy_re_compile(r"""_\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*\)""")


@dataclass(frozen=True)
class Word:
    """One translatable string: where it stands and what the catalogue calls it. Plural and context may be empty."""

    path: str
    line: int
    msgid: str
    plural: str = ""
    context: str = ""


def extract(root: Path) -> list[Word]:
    """Every translatable string below ``root`` (product code and templates; neither tests nor migrations)."""
    words: list[Word] = []
    for path in sorted(_files(root)):
        relative = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        words += from_python(text, relative) if path.suffix == ".py" else from_template(text, relative)
    return words


def _files(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if SKIPPED.intersection(parts) or not path.is_file():
            continue
        if path.suffix == ".py" or ("templates" in parts and path.suffix in {".html", ".txt"}):
            yield path


def from_python(text: str, path: str) -> Iterator[Word]:
    """Calls of gettext and its sisters, under whatever name they were imported."""
    tree = ast.parse(text, path)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("django.utils.translation"):
            names |= {(alias.asname or alias.name): alias.name for alias in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            function = names.get(node.func.id, "")
        elif isinstance(node.func, ast.Attribute):
            function = node.func.attr  # translation.gettext(…)
        else:
            continue
        if function not in FUNCTIONS:
            continue
        places = FUNCTIONS[function]
        values = [_constant(node, place, f"{path}:{node.lineno}") for place in places]
        context, msgid, plural = values
        if msgid:
            yield Word(path, node.lineno, msgid, plural, context)


def _constant(call: ast.Call, place: int | None, where: str) -> str:
    if place is None or place >= len(call.args):
        return ""
    argument = call.args[place]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        return ""  # a variable: its string is translated where it was made
    raise ValueError(f"{where}: a translated string must be one plain literal, not an expression")


def from_template(text: str, path: str) -> Iterator[Word]:
    """``{% translate %}``, ``{% blocktranslate %}`` (trimmed, plural, context) and ``_("…")`` in tags and variables."""
    tokens = iter(DebugLexer(text).tokenize())
    for token in tokens:
        if token.token_type == TokenType.VAR or token.token_type == TokenType.BLOCK:
            for found in CONSTANT.finditer(token.contents):
                yield Word(path, token.lineno, _unquote(found[1]))
        if token.token_type != TokenType.BLOCK:
            continue
        bits = list(smart_split(token.contents))
        if bits[0] in {"translate", "trans"} and bits[1][0] in "\"'":
            context = _unquote(bits[bits.index("context") + 1]) if "context" in bits else ""
            msgid = bits[1].split("|")[0] if bits[1][0] not in bits[1][1:-1] else bits[1]
            yield Word(path, token.lineno, _unquote(msgid), "", context)
        elif bits[0] in {"blocktranslate", "blocktrans"}:
            yield _block(bits, token.lineno, tokens, path)


def _block(bits: list[str], line: int, tokens: Iterator, path: str) -> Word:
    context = _unquote(bits[bits.index("context") + 1]) if "context" in bits else ""
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.TEXT:
            parts[-1].append(token.contents.replace("%", "%%"))
        elif token.token_type == TokenType.VAR:
            parts[-1].append(f"%({token.contents.split('|')[0].strip()})s")
        elif token.token_type == TokenType.BLOCK:
            if token.contents.strip() == "plural":
                parts.append([])
            else:
                break
    texts = ["".join(part) for part in parts]
    if "trimmed" in bits:
        texts = [trim_whitespace(text) for text in texts]
    return Word(path, line, texts[0], texts[1] if len(texts) > 1 else "", context)


def _unquote(literal: str) -> str:
    value = ast.literal_eval(literal)
    if not isinstance(value, str):
        raise TypeError(f"{literal} is not a string")
    return value


def tracked(root: Path) -> list[str]:
    """The paths that git knows (tracked, or new and not ignored); every file where there is no repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if done.returncode == 0:
        return sorted({name for name in done.stdout.decode().split("\0") if name and (root / name).is_file()})
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not {".venv", "var", ".git"}.intersection(path.parts))

"""From text to rows with line numbers. Pure: what is odd in a row becomes a problem, and the other rows go on."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from shopdesk.shop.importing.encodings import Decoded
from shopdesk.shop.importing.problems import SHOWN_VALUE, FileProblem, RowProblem

MAX_COLUMNS = 500

_PREVIEW = 500_000  # letters that a preview looks at

# PostgreSQL stores no NUL, and no other control character means anything in an order.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class _Reader(Protocol):
    """What csv.reader gives, whose own class has no public name."""

    line_num: int

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One record. ``line`` is the file's line on which it begins, the header being line 1."""

    line: int
    cells: list[str]
    columns: dict[str, int]

    def get(self, column: str) -> str:
        """The trimmed cell; empty where the file has no such column. A formula stays the text that it is."""
        place = self.columns.get(column)
        return self.cells[place].strip() if place is not None else ""

    def raw(self) -> dict[str, str]:
        """Every cell that is not empty, by its column."""
        return {column: self.cells[place] for column, place in self.columns.items() if self.cells[place]}


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that could not be read, or only in part; ``previous`` is the last good row before it."""

    line: int
    cells: list[str]
    previous: Row | None


@dataclass
class Table:
    """A file's header, its good rows, and the broken ones with their problems."""

    header: list[str]
    rows: list[Row]
    problems: list[RowProblem] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def read(decoded: Decoded, limit: int | None = None) -> Table:
    """The table of a CSV or tab-separated text; ``limit`` reads only so many rows (a preview).

    A name that stands twice in the header is numbered, for EC-CUBE's two columns 送料: 送料, 送料__2.
    Raises FileProblem: empty, no_rows, too_many_columns.
    """
    text = decoded.text.removeprefix("\ufeff")
    text = _CONTROLS.sub("", text if limit is None else text[:_PREVIEW])
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=_delimiter(text), strict=True)
    try:
        header = _numbered(next(reader))
    except (StopIteration, csv.Error):
        raise FileProblem("empty") from None
    if len(header) > MAX_COLUMNS:
        raise FileProblem("too_many_columns", count=len(header), limit=MAX_COLUMNS)
    columns = {name: place for place, name in enumerate(header)}
    table = Table(header, [])
    same: dict[str, str] = {}  # one copy of each text: an order's fields stand on each of its lines
    for line, cells in _records(reader):
        previous = table.rows[-1] if table.rows else None
        if cells is None:
            table.problems.append(RowProblem(line, "", "", "unreadable"))
            table.broken.append(Broken(line, [], previous))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            data = {"count": len(cells), "expected": len(header)}
            table.problems.append(RowProblem(line, "", ",".join(cells)[:SHOWN_VALUE], "ragged", data))
            table.broken.append(Broken(line, cells, previous))
            continue
        table.rows.append(Row(line, [same.setdefault(cell, cell) for cell in cells[: len(header)]], columns))
        if limit is not None and len(table.rows) >= limit:
            break
    if decoded.cut_off and limit is None and table.rows and not table.broken:
        last = table.rows.pop()
        table.problems.append(RowProblem(last.line, "", last.cells[-1][-SHOWN_VALUE:], "cut_off"))
        table.broken.append(Broken(last.line, last.cells, table.rows[-1] if table.rows else None))
    if not table.rows and not table.problems:
        raise FileProblem("no_rows")
    return table


def _records(reader: _Reader) -> Iterator[tuple[int, list[str] | None]]:
    """Each record with the line on which it begins; None for one that breaks the rules of CSV."""
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, None


def _delimiter(text: str) -> str:
    first = text[:20_000].splitlines()[0] if text.strip() else ""
    return "\t" if first.count("\t") > first.count(",") else ","


def _numbered(header: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for place, cell in enumerate(header, start=1):
        name = cell.strip() or f"#{place}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}__{seen[name]}")
    return names

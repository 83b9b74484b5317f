"""Tables for spreadsheets: cells that no program runs as a formula, in the bytes that Excel in Japan opens. Pure."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

# Lets a spreadsheet know that the file is UTF-8.
BOM = "\ufeff"

# What a spreadsheet may run, in either width and in the small forms, also behind blanks, quotes and marks that nobody
# sees; a tab or a line end in front is swallowed by some programs together with what stands before it. Lines further
# down in a quoted cell begin no cell.
_RUNS = re.compile(r"""[\t\r\n]|[\s"'“”„‘’‚＂＇`´\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠﹦﹢﹣﹫−]""")
# What a spreadsheet reads as a number or a date and writes in its own way: 0901…, 1E5, 1-2, more digits than it keeps.
_EATEN = re.compile(r"0\d+|\d{12,}|\d+E\d+|\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?", re.IGNORECASE)


def text(value: str) -> str:
    """A cell that is text and no formula: ``=1+1`` is ``'=1+1``.

    Nothing is lost: an apostrophe was added exactly where what follows it would run.
    """
    return f"'{value}" if _RUNS.match(value) else value


def code(value: str) -> str:
    """:func:`text` of what must keep its figures (phones, order numbers): ``0312345678`` is ``'0312345678``."""
    figures = unicodedata.normalize("NFKC", value).strip().lstrip("'").strip()
    return f"'{value}" if _EATEN.fullmatch(figures) else text(value)


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV: commas, quotes where they are needed, CRLF (RFC 4180). The cells are ready as they are."""
    output = io.StringIO(newline="")
    csv.writer(output).writerows(rows)
    return output.getvalue()

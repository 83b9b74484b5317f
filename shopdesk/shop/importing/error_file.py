"""The rows with errors as a file to mend: the original columns, then the line number and what is wrong."""

import csv
import io
import re

from django.utils.translation import gettext as _

from shopdesk import csv_out
from shopdesk.shop.importing import encodings, reading
from shopdesk.shop.importing.problems import RowProblem

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before the dangerous signs, not before numbers."""
    return text if _NUMBER.fullmatch(text) else csv_out.text(text)


def error_file(content: bytes, encoding: str, problems: list[RowProblem]) -> str:
    """The CSV text (with a BOM), one row for each bad row of the file. Raises FileProblem."""
    table = reading.read(encodings.decode(content, encoding or encodings.AUTO))
    cells = {row.line: row.cells for row in table.rows} | {row.line: row.cells for row in table.broken}
    by_line: dict[int, list[str]] = {}
    for problem in problems:
        words = f"{problem.column}: {problem.message}" if problem.column else problem.message
        by_line.setdefault(problem.line, []).append(words)
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow([*(safe_cell(name) for name in table.header), _("Line number"), _("Error")])
    width = len(table.header)
    for line, said in sorted(by_line.items()):
        kept = [safe_cell(cell) for cell in cells.get(line, [])[:width]]
        writer.writerow([*kept, *[""] * (width - len(kept)), str(line), safe_cell(" / ".join(said))])
    return csv_out.BOM + output.getvalue()

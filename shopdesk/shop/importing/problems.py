"""What can be wrong with a file or with a row: codes and data; the sentence is made when it is shown."""

from dataclasses import dataclass, field
from typing import Any, TypedDict

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# A cell that is quoted in a problem is cut here: enough to recognise it.
SHOWN_VALUE = 100

SENTENCES: dict[str, Promise] = {
    # a whole file
    "empty": _("The file is empty."),
    "workbook": _("This is an Excel workbook. Save it as CSV and try again."),
    "not_text": _("This is not a text file. Choose the CSV file that your shop system exported."),
    "undecodable": _(
        "The file is not in one of the encodings that we read (UTF-8, Shift_JIS/CP932, EUC-JP): byte %(byte)s."
    ),
    "wrong_encoding": _("The file is not in the chosen encoding %(encoding)s: byte %(byte)s."),
    "no_rows": _("The file has a header but no rows."),
    "too_many_columns": _("The file has %(count)s columns; at most %(limit)s are read."),
    "unknown_format": _(
        "The columns are not those of an export that we know. "
        "The nearest is %(profile)s (%(percent)s %% of its columns)."
    ),
    "missing_columns": _("These columns are missing: %(columns)s."),
    # a row
    "ragged": _("The row has %(count)s columns instead of %(expected)s; perhaps the file was cut off."),
    "unreadable": _("The row cannot be read as CSV; perhaps a quotation mark is missing or the file was cut off."),
    "cut_off": _("The file ends in the middle of a letter; it was cut off."),
    "after_unreadable": _("The next row cannot be read, so this order may be incomplete. It was not imported."),
    "no_number": _("The order number is missing."),
    "required": _("This cell must not be empty."),
    "too_long": _("The text is longer than %(limit)s letters."),
    "not_money": _("This is not an amount in whole yen."),
    "negative": _("The amount must not be negative."),
    "too_big": _("The amount is too large."),
    "not_a_quantity": _("This is not a quantity from 1 to %(limit)s."),
    "not_a_date": _("This is not a date such as 2026-11-20 10:15:00."),
    "not_a_tax_rate": _("This is not a tax rate from 0 to 100."),
    "unknown_status": _("This order status is not known."),
    "unknown_kind": _("This kind of line is not known."),
    "no_goods": _("The order has no goods."),
    "too_many_lines": _("The order has more than %(limit)s lines."),
    "currency": _("Only orders in yen (JPY) can be imported."),
    "repeated_order": _("The order stands in the file twice; only its first rows were read."),
    "repeated_line": _("The line %(id)s stands in the file twice, with different contents."),
    # against what is in the database
    "fewer_than_returned": _(
        "%(returned)s of this line are returned or being returned, but the file says that only %(shipped)s were "
        "shipped. The order was not changed."
    ),
    "line_with_return_is_gone": _("“%(name)s” has a return but is no longer in the file. The order was not changed."),
    "refused": _("The database refused the order: %(reason)s"),
}


def sentence(code: str, data: dict[str, Any]) -> str:
    """The problem in the language of the moment."""
    return str(SENTENCES[code]) % data if code in SENTENCES else code


class Told(TypedDict):
    """A problem as the command and the API tell it."""

    line: int
    column: str
    value: str
    message: str


class Stored(TypedDict):
    """A problem as a job keeps it."""

    line: int
    column: str
    value: str
    code: str
    data: dict[str, Any]


@dataclass(frozen=True)
class RowProblem:
    """``line`` is the first line of the row in the file, the header being line 1; ``value`` the cell, cut."""

    line: int
    column: str
    value: str
    code: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        return sentence(self.code, self.data)

    def told(self) -> Told:
        return {"line": self.line, "column": self.column, "value": self.value, "message": self.message}

    def stored(self) -> Stored:
        return {
            "line": self.line, "column": self.column, "value": self.value, "code": self.code, "data": self.data,
        }  # fmt: skip

    @classmethod
    def from_stored(cls, row: Stored) -> "RowProblem":
        return cls(row["line"], row["column"], row["value"], row["code"], row["data"])


class FileProblem(Exception):
    """The file as a whole cannot be read; ``str()`` says why in the language of the moment."""

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code)
        self.code = code
        self.data = data

    def __str__(self) -> str:
        return sentence(self.code, self.data)

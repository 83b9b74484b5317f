"""Which part of a mail is the answer, and which is quoted. Nothing is deleted: quoted parts are folded.

No library knows the way Japanese mail programs quote, so their header lines are a table of our own; the other
languages' come from mail-parser-reply. In doubt a line stays visible: a quote too many costs a glance, a customer's
sentence too few costs the customer.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from mailparser_reply.parser import EmailMessage  # type: ignore[import-untyped]  # it carries no types

MAX_LINES = 5000  # beyond them nothing is looked for; such a text is shown as it is
MAX_LINE = 500
MAX_LIBRARY_LINES = 1500
MAX_HEADER = 300  # characters of a header over all its lines
MAX_TRIES = 300  # lines that end like a header and are looked at closely
MAX_OPEN_QUOTE = 20  # lines of a quote that stay open when an answer stands below them


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    folded: bool


_QUOTED = re.compile(r"[ \t\u3000]{0,4}(?:>(?!From )|＞|&gt;)")
_DATE = (
    r"(?:(?:19|20)\d\d\s*[年/.-]\s*\d{1,2}\s*[月/.-]\s*\d{1,2}\s*日?"
    r"|\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)\d\d|\d{1,2}月\s*\d{1,2}日|(?:令和|平成|R"
    r"|H)\s*\d{1,2}[年.]\d{1,2}[月.]\d{1,2}日?"
    r"|\d{1,2}\.?\s+[A-Za-z]{3,9}\.?,?\s+(?:19|20)\d\d|[A-Za-z]{3,9}\.?\s+\d{1,2}(?:st|nd|rd"
    r"|th)?,?\s+(?:(?:at\s+)?\d|(?:19|20)\d\d))"
)
_TIME = r"(?:\d{1,2}\s*[:時]\s*\d{2})"
_ADDRESS = r"(?:[^\s<>@:]+@[^\s<>@:]+)"
_WROTE = (
    r"(?:書き(?:ました|込みました)|書いた|記述しました|のメール|のメッセージ|からのメール|からのメッセージ"
    r"|送信しました|wrote|writes|さんより)"
)

# One line, or two or three that a mail program wrapped, in compatibility form (full-width signs made plain).
_HEADERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # 2024年1月1日(月) 12:00 山田太郎 <taro@example.com>:   ·   2024/01/01 12:00 に ... さんは書きました:
        rf"[\(\[]?{_DATE}.{{0,40}}?{_TIME}.{{0,250}}(?:{_ADDRESS}|{_WROTE}).{{0,20}}:",
        # Alice さんは 2026/05/11 21:28 に書きました:
        rf"\S.{{0,150}}{_DATE}.{{0,40}}?{_TIME}.{{0,60}}{_WROTE}.{{0,12}}:",
        # 山田太郎 さんは書きました:   ·   山田太郎 <taro@example.com> さんのメール:
        r"\S.{0,150}(?:さん|様|さま|氏)\s*(?:は|が)?\s*(?:次のように)?(?:書きました|wrote)\s*:",
        rf"\S.{{0,150}}{_ADDRESS}>?\s*(?:さん|様)?\s*(?:は書きました|のメール|のメッセージ|からのメール|wrote)\s*:",
        # On Mon, 1 Jan 2024 12:00:00 +0900 ... wrote:   ·   At ..., X wrote:   ·   In message <...>, X wrote:
        rf"(?:On|At)\s.{{0,40}}(?:\d|{_ADDRESS}).{{0,250}}\bwrote\s*:",
        r"In (?:message|article|mail|your (?:mail|message))\s.{3,250}\b(?:wrote|writes)\s*:",
        # Thunderbird in Japanese: (2024/01/01 12:00), 山田太郎 wrote:
        rf"\(?{_DATE}.{{0,40}}{_TIME}\)?.{{0,200}}\bwrote\s*:",
    )
)
# What stands behind the address or the name, and nothing else may.
_TAIL = (
    r"[>）)\]】」\s]{0,4}(?:さん|様|さま|氏)?\s*(?:は|が|から|より)?の?\s*(?:次のように)?"
    r"(?:書き(?:ました|込みました)|書いた|記述しました|メール|メッセージ|送信しました|wrote|writes)?\s*:"
)
_PERSON_WROTE = (
    r"(?:さん|様|さま|氏)\s*(?:(?:は|が)\s*(?:次のように)?(?:書き(?:ました|込みました)|書いた|記述しました|wrote)"
    r"|の(?:メール|メッセージ)|からの(?:メール|メッセージ)|より)\s*:"
)
# Of those the ones that no customer writes above words of their own: below them all is quoted, with marks or without.
# "On 4/1 12:00 I sent a form. It said:" looks like the others, which therefore need marks below.
_SURE_HEADERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"[\(\[]?{_DATE}.{{0,40}}?{_TIME}[^。]{{0,250}}?[<\[(（]\s*(?:mailto:)?{_ADDRESS}{_TAIL}",
        rf"[\(\[]?{_DATE}.{{0,40}}?{_TIME}(?:\s|に|、|,|\)|:\d\d|[+-]\d{{4}}){{0,9}}{_ADDRESS}{_TAIL}",
        rf"[\(\[]?{_DATE}.{{0,40}}?{_TIME}[^。]{{0,120}}{_PERSON_WROTE}",
        rf"\(?{_DATE}.{{0,40}}{_TIME}\)?[^。]{{0,200}}\bwrote\s*:",
        rf"\S[^。]{{0,60}}(?:さん|様|さま|氏)\s*(?:は|が)\s*{_DATE}.{{0,40}}?{_TIME}.{{0,10}}(?:書き|書いた|記述し|wrote).{{0,6}}:",
        rf"[^。、の]{{1,40}}{_PERSON_WROTE}",
        rf"(?:[^。]{{1,150}}<\s*)?{_ADDRESS}>?\s*(?:さん|様)?\s*(?:は書きました|の(?:メール|メッセージ)|からのメール|wrote)\s*:",
        rf"(?:On|At)\s.{{3,290}}<\s*{_ADDRESS}\s*>.{{0,20}}\bwrote\s*:",
        rf"(?!.*\b(?:I|my|we|our|your)\b)(?=.*(?:{_TIME}|(?:19|20)\d\d|{_ADDRESS}))(?:On|At)\s.{{3,290}}\bwrote\s*:",
        r"(?=.*(?:@|\d{5}))In (?:message|article|mail|your (?:mail|message))\s.{3,250}\b(?:wrote|writes)\s*:",
    )
)
_STARTS = re.compile(rf"(?:On|At|In)\s|[(\[]?{_DATE}", re.IGNORECASE)
_ENDS = re.compile(r"[:：][ \t\u3000*]*$")
_SIGNATURE = re.compile(
    (
        r"[ \t]*(?:--[ \t]*$|[_=]{5,}|-{5,}|sent (?:from|with|via)\b|get outlook|.{0,40}から送信|送信元[:：]"
        r"|.{0,20}で送信)"
    ),
    re.IGNORECASE,
)
_RULE = r"[-_=*─━―—–ー－＿~]"
_SEPARATORS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            rf"{_RULE}{{2,}}\s*(?:original\s+(?:message|mail)|元のメ[ッツ]セ[ーｰ]ジ|元(?:の)?メール|元メッセージ"
            rf"|オリジナル\s?メ(?:ッセージ|ール)"
            rf"|返信元(?:の)?メ(?:ッセージ|ール)|引用元?|message d'origine|ursprüngliche nachricht"
            rf"|mensaje original|oorspronkelijk bericht|messaggio originale|以下[、,]?元の(?:メ(?:ッセージ"
            rf"|ール)))\s*{_RULE}{{2,}}"
        ),
        (
            rf"{_RULE}{{2,}}\s*(?:On\s.{{3,200}}|\S+@\S+|.{{1,80}}さん(?:は|が)?)\s*(?:wrote"
            rf"|書きました)\s*:?\s*{_RULE}{{2,}}"
        ),
        r"[<\[【《](?:元のメッセージ|元のメール|Original Message)[>\]】》]",
    )
)
_FORWARDED = re.compile(
    rf"(?:{_RULE}{{2,}}\s*(?:forwarded (?:message|mail)(?: from .{{1,80}})?|転送(?:された)?(?:メッセージ"
    rf"|メール)|転送元メッセージ|以下転送)\s*{_RULE}{{2,}}"
    r"|Begin forwarded message:|転送されたメッセージ:|以下は転送されたメッセージです[:。]?)",
    re.IGNORECASE,
)
_LABELS = {
    "from": r"差出人|送信者|送信元|発信者|From|De|Von|Da|Van|Od|Fra|Från|发件人|寄件者|보낸 ?사람",
    "date": (
        r"送信日時|送信日|受信日時|日時|日付|Date|Sent|送信|Gesendet|Datum|Envoyé|Enviado(?: el)?|Fecha|Inviato"
        r"|Data|Verzonden|Sendt|Skickat|发送时间|日期|보낸 ?날짜"
    ),
    "to": r"宛先|あて先|To|An|À|Para|A|Aan|Til|Till|收件人|收件者|받는 ?사람",
    "cc": r"CC|Cc|Kopie|写し|Reply-To|返信先|重要度|添付ファイル|Attachments|Importance|Organization",
    "subject": r"件名|題名|標題|表題|Subject|Betreff|Objet|Asunto|Oggetto|Onderwerp|Emne|Ämne|主题|主旨|제목",
}
_LABEL = re.compile(
    r"[ \t\u3000*>＞]*(?:"
    + "|".join(rf"(?P<{key}>{words})" for key, words in _LABELS.items())
    + (r")[ \t\u3000*]*[:：]"),
    re.IGNORECASE,
)
# Signs of a header in a language that our own table does not know; the library is only asked where one stands.
_FOREIGN = re.compile(
    r"schrieb|écrit|escribi[óo]|skrev|scritto|schreef|napisał|nadesłał|napsal|작성|写道|寫道|escreveu"
    r"|Original Message processed"
    r"|^[> *]*(?:Von|De|Da|Od|Van|Från|Fra|发件人|보낸 ?사람)\s*:",
    re.MULTILINE | re.IGNORECASE,
)
_LIBRARY_LANGUAGES = ["cs", "da", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "sv", "zh", "david"]


@cache
def _library_headers() -> re.Pattern[str]:
    found: re.Pattern[str] = EmailMessage(text="", languages=list(_LIBRARY_LANGUAGES)).HEADER_REGEX
    return found


def _plain(line: str) -> str:
    line = line if line.isascii() else unicodedata.normalize("NFKC", line)
    return line.strip(" \t\u3000*")


def _is_header(lines: list[str], first: int, last: int, headers: tuple[re.Pattern[str], ...]) -> bool:
    parts = [_plain(line) for line in lines[first : last + 1]]
    if sum(map(len, parts)) > MAX_HEADER or not all(parts):
        return False
    # A wrapped address goes on without a space, a wrapped sentence with one.
    texts = [" ".join(parts)] if len(parts) == 1 else [" ".join(parts), "".join(parts)]
    return any(header.fullmatch(text) for header in headers for text in texts)


def _header_above(lines: list[str], last: int, floor: int) -> int | None:
    """Where the header begins that ends with this line (one to three lines), or None."""
    found: int | None = None
    for first in range(last, max(floor, last - 2) - 1, -1):
        if first < last and (not lines[first].strip() or _ENDS.search(lines[first])):
            break
        # The line above may be the customer's own last sentence: a longer header must begin like one.
        if first < last and not _STARTS.match(_plain(lines[first][:MAX_LINE])):
            continue
        if len(lines[first]) <= MAX_LINE and _is_header(lines, first, last, _HEADERS):
            found = first
    return found


_HOUR = re.compile(r"\d{1,2}\s*[:.：時]\s*\d{2}(?!\d)")


def _label_block(lines: list[str], first: int) -> bool:
    """Outlook's block: a sender's line, then at least two of date, recipient and subject within six lines; and one of
    them names a time of day or an address, as a customer's "From: Tokyo, To: Osaka" does not."""
    begin = _LABEL.match(lines[first])
    if begin is None or begin.lastgroup != "from":
        return False
    seen: set[str] = set()
    told = "@" in lines[first][:MAX_LINE]
    for line in lines[first + 1 : first + 7]:
        label = _LABEL.match(line)
        if label and label.lastgroup:
            seen.add(label.lastgroup)
            told = (
                told
                or "@" in line[:MAX_LINE]
                or (label.lastgroup == "date" and _HOUR.search(line[:MAX_LINE]) is not None)
            )
        elif not line.strip():
            break
    return told and len(seen - {"from", "cc"}) >= 2


def _is_separator(line: str) -> bool:
    text = _plain(line)
    # _plain takes stars away, which are a rule too; the others stay.
    return any(separator.fullmatch(text) for separator in _SEPARATORS)


def _library_hit(lines: list[str]) -> tuple[int, int] | None:
    """(first, last) line of the first header that mail-parser-reply finds and that looks like one to us as well."""
    looked = [line.strip()[:MAX_LINE] for line in lines[:MAX_LIBRARY_LINES]]
    text = "\n".join(looked)
    if not _FOREIGN.search(text):
        return None
    for match in _library_headers().finditer(text):
        found = match[0]
        start = match.start() + len(found) - len(found.lstrip("\n"))
        found = found.strip("\n")
        rows = found.split("\n")
        labelled = sum(1 for row in rows if re.match(r"[>* ]*[^\s:：]{1,20}(?: [^\s:：]{1,12})?\s*[:：]", row))
        wrote = len(rows) <= 4 and rows[-1].rstrip().endswith((":", "：")) and re.search(r"\d|@", found)
        if wrote or labelled >= 3:
            first = text.count("\n", 0, start)
            return first, first + len(rows) - 1
    return None


def _quoted(line: str) -> bool:
    return _QUOTED.match(line) is not None


def _quoted_next(lines: list[str], at: int) -> bool:
    return at < len(lines) and _quoted(lines[at])


def _next_written(lines: list[str], at: int) -> int:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at


def _behind_quotes(lines: list[str], at: int) -> int:
    """The line behind the run of quoted lines at ``at``; blank lines inside the run belong to it."""
    end = at
    while at < len(lines):
        if _quoted(lines[at]):
            end = at = at + 1
        elif not lines[at].strip():
            at += 1
        else:
            break
    return end


def _reopen(lines: list[str], folded: list[bool], runs: list[tuple[int, int]]) -> None:
    """A short quote with an answer below it stays open: "yes, the blue one" means nothing without its question."""
    if not runs:
        return
    written = -1
    for number in range(runs[0][1], len(lines)):
        if folded[number] or not lines[number].strip():
            continue
        if _SIGNATURE.match(lines[number]) and number >= runs[-1][1]:
            break
        written = number
    for start, end in runs:
        if end <= written and sum(1 for line in lines[start:end] if line.strip(" \t\u3000>＞")) <= MAX_OPEN_QUOTE:
            folded[start:end] = [False] * (end - start)


def _holds_header(lines: list[str], start: int, end: int) -> bool:
    """Whether the quote begins with a quoted header line: then it is a thread, no question to be answered."""
    bare = [re.sub(r"^[ \t\u3000>＞]+", "", line[:MAX_LINE]) for line in lines[start : min(end, start + 4)]]
    for number, line in enumerate(bare):
        if _ENDS.search(line) and _header_above(bare, number, 0) is not None:
            return True
        if line and (_is_separator(line) or _label_block(bare, number)):
            return True
    return False


def _marks(lines: list[str]) -> list[bool]:
    """For each line whether it is folded."""
    folded = [False] * len(lines)
    runs: list[tuple[int, int]] = []  # quoted lines, without the header above them
    library = _library_hit(lines)
    at = floor = tries = 0
    while at < len(lines):
        line = lines[at]
        head: tuple[int, int] | None = None
        rest = False  # whether everything behind it is quoted whatever stands there
        if not line.strip():
            at += 1
            continue
        if _quoted(line):
            end = _behind_quotes(lines, at)
            folded[at:end] = [True] * (end - at)
            if not _holds_header(lines, at, end):
                runs.append((at, end))
            at = floor = end
            continue
        if len(line) <= MAX_LINE:
            if _FORWARDED.fullmatch(_plain(line)):
                break  # what a customer forwards is what they want to show us
            if tries < MAX_TRIES and _ENDS.search(line):
                tries += 1
                first = _header_above(lines, at, floor)
                if first is not None and (
                    _is_header(lines, first, at, _SURE_HEADERS) or _quoted_next(lines, _next_written(lines, at + 1))
                ):
                    head = first, at
            if head is None and _is_separator(line):
                head, rest = (at, at), True
            if head is None and _label_block(lines, at):
                head, rest = (at, at), True
        if head is None and library is not None and library[0] <= at <= library[1]:
            head = library
        if head is None:
            at += 1
            continue
        first, last = head
        following = _next_written(lines, last + 1)
        if not rest and following < len(lines) and _quoted(lines[following]):
            end = _behind_quotes(lines, following)
            runs.append((following, end))
        else:
            end = len(lines)
        first = _with_rule(lines, first, floor)
        folded[first:end] = [True] * (end - first)
        at = floor = end
    _reopen(lines, folded, runs)
    return folded


def _with_rule(lines: list[str], first: int, floor: int) -> int:
    """A line of rules right above a header (Outlook draws one) belongs to it."""
    above = first - 1
    while above > floor and not lines[above].strip():
        above -= 1
    if above >= floor and re.fullmatch(rf"[ \t\u3000]*{_RULE}{{5,}}[ \t\u3000]*", lines[above][:MAX_LINE]):
        return above
    return first


def split(text: str) -> tuple[Piece, ...]:
    """The text in pieces, in order; put together they are the text. Where nothing would stay visible, all is."""
    lines = text.split("\n")
    if len(lines) > MAX_LINES or not text.strip():
        return (Piece(text, folded=False),) if text else ()
    folded = _marks(lines)
    if not any(line.strip() for line, hidden in zip(lines, folded, strict=True) if not hidden):
        return (Piece(text, folded=False),)
    for number in range(len(lines) - 1, 0, -1):
        # Empty lines at the end belong to what stands above them.
        if lines[number].strip():
            break
        folded[number] = True
    else:
        number = 0
    if not folded[number]:
        folded[number + 1 :] = [False] * (len(lines) - number - 1)
    pieces: list[Piece] = []
    start = 0
    for number in range(1, len(lines) + 1):
        if number == len(lines) or folded[number] != folded[start]:
            piece = "\n".join(lines[start:number]) + ("\n" if number < len(lines) else "")
            pieces.append(Piece(piece, folded[start]))
            start = number
    return tuple(pieces)


def visible(text: str) -> str:
    """The text without its folded pieces, trimmed."""
    pieces = split(text)
    if not any(piece.folded for piece in pieces):
        return text.strip()
    kept = "".join(piece.text for piece in pieces if not piece.folded)
    return re.sub(r"\n{3,}", "\n\n", kept).strip()

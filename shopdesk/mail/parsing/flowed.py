"""Lines that a sender broke only for the way (RFC 3676, ``format=flowed``) put together again."""

import re

_QUOTED = re.compile(r"(>*)( ?)(.*)", re.DOTALL)


def joined_lines(text: str, *, delete_space: bool) -> str:
    """The paragraphs of a flowed text. ``delete_space`` (``delsp=yes``, as in Japanese, which has no spaces) says that
    the space before a soft break is not the sender's."""
    out: list[list[str]] = []
    before = ""  # the quote marks of the line that goes on; only lines of one depth are joined
    goes_on = False
    for line in text.split("\n"):
        match = _QUOTED.fullmatch(line)
        depth, words = (match[1], match[3]) if match else ("", line)
        signature = words == "-- "
        if goes_on and depth == before and not signature:
            out[-1].append(words)
        else:
            out.append([f"{depth} {words}" if depth else words])
        goes_on = words.endswith(" ") and not signature
        before = depth
        if goes_on and delete_space:
            out[-1][-1] = out[-1][-1][:-1]
    return "\n".join("".join(pieces) for pieces in out)

"""Whom a text addresses: names before 様 and after "Dear". Pure functions over text.

Japanese letters name people as 「山田様」, and the same character ends many words that are nobody's name.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Addressed:
    """Somebody named in a text: how it is shown, and the letters that stand before 様 on that line, for comparing."""

    shown: str
    before: str
    is_latin: bool = False


_KANJI = "一-龥々〆ヶヵ"
_KATAKANA = "ァ-ヴー・"
_SAMA = re.compile(r"様(?!子|々|式|相|態|変|似|体)")
_RUN = re.compile(
    rf"(?:[{_KANJI}]+|[{_KATAKANA}]+|[A-Za-z][A-Za-z.'-]*)"
    rf"(?:[ ・](?:[{_KANJI}ぁ-ん]{{1,6}}|[{_KATAKANA}]+|[A-Za-z]+))?$"
)
# At the beginning of a line or after a mark, a name may be written in hiragana alone.
_HIRAGANA = re.compile(r"(?:^|[\s、。「(・])([ぁ-ん]{2,8})$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What stands before 様 and is nobody's name. Whole words: 上様 is nobody, 村上様 is somebody.
_NOBODY = _words(
    """
    皆 神 王 仏 奥 嬢 坊 旦那 殿 上 先 主 主人 奥方 母 父 子 孫 兄 姉 妹 弟 親 親御 方 者 人 員 名 得意
    相手 互 世話 苦労 疲 馳走 陰 気毒 同 多 異 有 左 一 各 別 何 誰 貴 両 若 姫 宮 宛 氏名 社 店 部 課 係
    御社 貴社 弊社 先方 双方 他方 親方 大家 メーカー ユーザー オーナー スタッフ ショップ サポート
    カスタマー センター ゲスト クライアント サプライヤー ドライバー ペット
    """
)
# Endings that no name has.
_NOBODY_ENDS = tuple(
    _words(
        """
        客 者 会社 各位 担当 店長 店舗 家族 本人 先生 取引先 法人 企業 団体 作家 職人 農家 工房 会員
        依頼主 送り主 仕 模 種多 人各 届先 配送先
        """
    )
)
_NOBODY_HIRAGANA = _words(
    """
    みな どなた あなた おきゃく おかげ ごちそう おつかれ ごくろう おたがい この その あの どの かみ おう
    おく だんな おとう おかあ おこ おじょう おせわ ごせわ また
    """
)
_DEAR = re.compile(
    r"\b(?:Dear|Hi|Hello)\s+(?:(?:Mr|Mrs|Ms|Miss|Dr|Mx)\.?\s+)?((?:[A-Z][\w'’-]+)(?:\s+[A-Z][\w'’-]+){0,3})\s*[,!:\n]"
)
_MISTER = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Mx)\.?\s+((?:[A-Z][\w'’-]+)(?:\s+[A-Z][\w'’-]+){0,2})")
_NOBODY_LATIN = frozenset(
    {
        "customer", "customers", "valued", "sir", "madam", "sirs", "team", "all", "everyone", "there", "friend",
        "shop", "guest", "client", "support", "member",
    }
)  # fmt: skip
# Before a name without a space between: 「この度は」 ends in hiragana, 「本日」 does not.
_TIME_WORDS = ("本日", "昨日", "先日", "今回", "前回", "毎度", "現在", "以前", "当日", "翌日")
_MOST = 20


def addressed(text: str) -> list[Addressed]:
    """Everybody whom the text names, once each, without the words that only look like names."""
    found: dict[str, Addressed] = {}
    for line in unicodedata.normalize("NFKC", text).splitlines():
        begins = 0
        for match in _SAMA.finditer(line):
            if one := _before_sama(line[begins : match.start()].rstrip()):
                found.setdefault(one.shown, one)
            begins = match.end()
    for pattern in (_DEAR, _MISTER):
        for match in pattern.finditer(unicodedata.normalize("NFKC", text)):
            words = match[1].split()
            if words[0].casefold() not in _NOBODY_LATIN:
                found.setdefault(match[1], Addressed(match[1], match[1], is_latin=True))
    return list(found.values())[:_MOST]


def _before_sama(before: str) -> Addressed | None:
    run = _RUN.search(before)
    if run is None:
        hiragana = _HIRAGANA.search(before)
        if hiragana is None or hiragana[1] in _NOBODY_HIRAGANA:
            return None
        return Addressed(f"{hiragana[1]}様", _squeezed(before))
    name = run[0]
    for word in _TIME_WORDS:
        name = name.removeprefix(word)
    if not name or name in _NOBODY or name.endswith(_NOBODY_ENDS):
        return None
    return Addressed(f"{name}様", _squeezed(before), is_latin=name.isascii())


def is_known(one: Addressed, names: Iterable[str]) -> bool:
    """Whether the person is one of ``names``: by the whole name, by the family name or by the given name alone."""
    for name in names:
        plain = unicodedata.normalize("NFKC", name).strip()
        if not plain:
            continue
        if one.is_latin:
            words = {word.casefold().strip(".,") for word in one.shown.removesuffix("様").split()}
            if words <= {word.casefold().strip(".,") for word in plain.split()}:
                return True
        elif _ends_with(one.before, plain):
            return True
    return False


def _ends_with(before: str, name: str) -> bool:
    parts = name.split()
    forms = [_squeezed(name), *(_squeezed(part) for part in parts)]
    # "佐藤 花子" and "佐藤　花子" are one name; a name of one part may be followed by a given name we do not know.
    if any(form and before.endswith(form) for form in forms):
        return True
    return len(parts) == 1 and len(forms[0]) > 1 and re.search(re.escape(forms[0]) + r"\S{0,4}$", before) is not None


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()

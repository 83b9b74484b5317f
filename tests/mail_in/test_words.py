"""Headers and bodies whose encoding was cut, doubled or given another's name: the words come out whole."""

import base64

import pytest

from shopdesk.mail.parsing import charsets, parse
from tests.mail_in.eml_source import jis, word
from tests.mail_in.fitness import faults

WORDS = "商品の返品についてお伺いします。先日購入したばかりですが、サイズが合いませんでした。"
SHORT = "商品の返品について"
U = SHORT.encode()
J = jis(SHORT)


def subject(raw):
    mail = parse(b"From: hanako@example.jp\r\nSubject: " + raw + b"\r\nTo: desk@shop.example\r\n\r\nx")
    assert faults(mail) == []
    assert mail.to[0].address == "desk@shop.example"
    return mail.subject


def text(data, label):
    kind = b"text/plain; charset=" + label.encode()
    mail = parse(b"From: a@b.jp\r\nContent-Type: " + kind + b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + data)
    assert faults(mail) == []
    return mail.text


def b(data, charset=b"utf-8", end=b"?="):
    return b"=?" + charset + b"?B?" + data + end


@pytest.mark.parametrize(
    "label",
    [
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "euc-kr",
        "iso-8859-1",
        "koi8-r",
        "windows-1251",
        "macintosh",
        "utf-8",
        "cp866",
    ],
)
@pytest.mark.parametrize("charset", ["euc_jp", "cp932", "utf-8", "iso2022_jp"])
def test_japanese_under_anothers_name(charset, label):
    assert text(WORDS.encode(charset), label) == WORDS
    assert subject(word(WORDS.encode(charset), label)) == WORDS


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("gb2312", "您好，我想咨询一下这个订单什么时候发货，谢谢。"),
        ("gb18030", "これは中国の店から書いた日本語です。商品を送ります。どうぞよろしくお願いします。"),
        ("gbk", "联通"),
        ("big5", "您好，我想詢問訂單什麼時候可以出貨？一個人不會在家。"),
        ("euc-kr", "안녕하세요 주문 확인 부탁드립니다"),
        ("koi8-r", "Здравствуйте, где мой заказ? Ещё цёёё"),
        ("cp866", "Все Входящие Вас Вернём, Гарантия Вам Видна"),
    ],
)
def test_what_the_name_says_truly(label, written):
    assert text(written.encode(label), label) == written


@pytest.mark.parametrize(
    ("label", "known"),
    [
        ("ja_JP.eucJP", "eucjp"), ("ja_JP.UTF-8", "utf-8"), ("ru_RU.KOI8-R", "koi8-r"), ("SJIS-win", "cp932"),
        ("x-ms-932", "cp932"), ("IBM-943", "cp932"), ("x-mac-japanese", "cp932"), ("windows1251", "cp1251"),
        ("win-1251", "cp1251"), ("x-windows-949", "cp949"), ("csEUCPkdFmtJapanese", "eucjp"), ("utf-8n", "utf-8"),
        ("8859-1", "cp1252"), ("ISO-8859-1-Windows-3.1-Latin-1", "cp1252"), ("windows-1252http-equiv", "cp1252"),
        ("dos-862", "cp862"), ("iso-8859-15", "iso8859-15"), ("x-user-defined", ""), ("unknown-8bit", ""), ("zip", ""),
        ("win-9999", ""), ("utf-88", "utf-8"),
    ],
)  # fmt: skip
def test_names(label, known):
    assert charsets.canonical(label) == known


def test_emoji_in_halves_and_utf_16_without_a_mark():
    halves = "\ud83d\ude00".encode("utf-8", "surrogatepass")
    assert text("届いた".encode() + halves + b"!", "utf-8") == "届いた😀!"
    assert subject(word(halves, "utf-8")) == "😀"
    assert text("x\ud83d です".encode("utf-8", "surrogatepass"), "utf-8").endswith(" です")
    for order in ("utf-16-be", "utf-16-le", "utf-16"):
        assert subject(word("商品の件です No.1".encode(order), "utf-16")) == "商品の件です No.1"


@pytest.mark.parametrize(
    "raw",
    [
        b(base64.b64encode(U[:10])) + b"\r\n " + b(base64.b64encode(U[10:])),
        word(U[:10], "UTF-8", "B") + b"\r\n\t" + word(U[10:], "utf-8", "Q"),
        b(base64.b64encode(U)[:10]) + b"\r\n " + b(base64.b64encode(U)[10:]),
        b(base64.b64encode(U)[:13]) + b" " + b(base64.b64encode(U)[13:27]) + b" " + b(base64.b64encode(U)[27:]),
        b(base64.b64encode(J[:11]), b"ISO-2022-JP") + b"\r\n " + b(base64.b64encode(J[11:]), b"iso-2022-jp"),
        b(base64.b64encode(jis("商品の返")[:-3]), b"ISO-2022-JP") + b" " + b(base64.b64encode(jis("品について")), b"ISO-2022-JP"),
        b(base64.b64encode(U), end=b"="),
        b(base64.b64encode(U), end=b""),
        b(base64.b64encode(U), end=b"?"),
        b(base64.b64encode(U[:12])) + b"\r\n " + b(base64.b64encode(U[12:]), end=b""),
        b"=?utf-8?Q?" + b"".join(b"=%02X" % one for one in U),
        b"=?utf-8?Q?" + b"".join(b"=%02X" % one for one in U[:12]) + b"=\r\n " + b"".join(b"=%02X" % one for one in U[12:]) + b"?=",
        word(word(U, "utf-8"), "utf-8"),
        J[:20] + b"\r\n " + J[20:],
        J[:15] + b"\n\t" + J[15:],
    ],
)  # fmt: skip
def test_words_that_were_cut(raw):
    assert subject(raw) == SHORT


@pytest.mark.parametrize(
    ("raw", "want"),
    [
        (jis("商品の返品") + b"\r\n " + jis("について"), "商品の返品 について"),
        (b"=?utf-8?Q?Re: order =E5=95=86 no 5?=", "Re: order 商 no 5"),
        (b"=?utf-8?Q?100=_=ZZ_ok?=", "100= =ZZ ok"),
        (b"=?utf-8?B?YWJj is no word", "=?utf-8?B?YWJj is no word"),
        (b"=?what?B?YWJj", "=?what?B?YWJj"),
        (b"is 1=?2 or 3?", "is 1=?2 or 3?"),
        (b"=?utf-8?B?dGVzdA?= =?utf-8?B?dGVzdA?=", "testtest"),
        (word(b"see =?utf-8?B?dGVzdA==?= there", "utf-8"), "see =?utf-8?B?dGVzdA==?= there"),
        (word(word(word(b"deep", "utf-8"), "utf-8"), "utf-8"), "=?utf-8?B?ZGVlcA==?="),
    ],
)
def test_words_that_are_as_they_are(raw, want):
    assert subject(raw) == want


def test_a_name_in_jis_that_was_folded_by_force():
    name = jis("山田商店お客様窓口")
    raw = b"From: " + name[:9] + b"\r\n " + name[9:] + b" <taro@example.jp>\r\n\r\nx"
    assert parse(raw).sender.name == "山田商店お客様窓口"


def raws(words, charset):
    return jis(words) if charset == "iso-2022-jp" else words.encode(charset)


@pytest.mark.parametrize("charset", ["euc_jp", "cp932", "utf-8", "iso-2022-jp"])
@pytest.mark.parametrize(
    "words", ["返品", "至急", "工場", "！", "？", "〒100", "…", "テスト", "あ", "ご注文", "注文番号123", "Re: 質問"]
)
def test_a_few_characters_are_enough(words, charset):
    label = {"cp932": "Shift_JIS", "euc_jp": "EUC-JP"}.get(charset, charset)
    data = raws(words, charset)
    assert subject(word(data, label)) == words
    assert subject(word(data, label, "Q")) == words
    assert text(data, label) == words
    assert subject(data) == words
    assert subject(data + b"\r\n " + data) == f"{words} {words}"


@pytest.mark.parametrize("label", ["Shift_JIS", "EUC-JP", "UTF-8", "ISO-2022-JP", "us-ascii"])
@pytest.mark.parametrize("charset", ["euc_jp", "cp932", "utf-8"])
@pytest.mark.parametrize("words", ["返品", "至急", "工場", "返品です", "注文番号"])
def test_a_few_characters_under_anothers_name(words, charset, label):
    assert text(words.encode(charset), label) == words


@pytest.mark.parametrize("words", ["ﾃｽﾄ", "ｶﾀｶﾅ", "ﾔﾏﾀﾞ ﾊﾅｺ", "ﾃｽﾄです", "①②③", "髙橋㈱"])
def test_halfwidth_and_special_characters_by_their_label(words):
    assert subject(word(words.encode("cp932"), "Shift_JIS")) == words
    assert text(words.encode("cp932"), "Windows-31J") == words
    if words.isprintable() and words[0] in "ﾃｶﾔ":
        assert subject(word(words.encode("euc_jp"), "EUC-JP")) == words


@pytest.mark.parametrize("label", ["us-ascii", "utf-8", "x-unknown", ""])
@pytest.mark.parametrize(
    "words",
    ["it’s fine", "Don’t worry, it’s OK", "wasn’t", "café", "Größe", "naïve résumé", "Äpfel", "El niño", "L’été dernier",
     "“Hello” she said", "price 5 €", "São Paulo", "¡Ándale!", "Señor Muñoz"],
)  # fmt: skip
def test_western_pages_are_not_japanese(words, label):
    data = words.encode("cp1252")
    head = f"Content-Type: text/plain{'; charset=' + label if label else ''}\r\n".encode()
    assert parse(b"From: a@b.jp\r\n" + head + b"\r\n" + data).text == words
    assert subject(data) == words


def test_utf_8_with_a_damaged_place_stays_utf_8():
    assert text("返品の件".encode() + b"\xff" + "です".encode(), "utf-8") == "返品の件\ufffdです"
    assert text("prix: 5 €, caf".encode() + b"\xe9", "utf-8") == "prix: 5 €, caf\ufffd"

"""What is quoted is folded, nothing is lost."""

import pytest

from shopdesk.mail import quoting
from tests.mail_in import corpus

collected = pytest.mark.skipif(not corpus.present(), reason=corpus.REASON)
REPLY = "色が違いました。\n交換できますか。"
# As mail programs in Japan head a quotation; invented names.
HEADERS = [
    "2024年4月1日(月) 12:00 山田商店 <desk@shop.example>:",
    "2024年4月1日 12:00 <desk@shop.example>:",
    "2024/04/01 12:00 <desk@shop.example> のメッセージ:",
    "2024/04/01 12:00、山田商店 <desk@shop.example>のメール：",
    "2024年4月1日(月) 12:00、山田商店 さんは書きました:",
    "山田商店 さんは 2024/04/01 12:00 に書きました:",
    "2024/04/01 12:00 に 山田商店<desk@shop.example> さんは書きました:",
    "(2024/04/01 12:00), 山田商店 wrote:",
    "山田商店 さんは書きました:",
    "On 2024/04/01 12:00, 山田商店 wrote:",
    "On Mon, 1 Apr 2024 12:00:00 +0900\n山田商店 <desk@shop.example> wrote:",
    "2024年4月1日(月) 12:00 山田商店 <very-long-address-of-our-desk@shop.\nexample>:",
    "-----元のメッセージ-----",
    "----- Original Message -----",
    "-----オリジナルメッセージ-----",
    "---desk@shop.example wrote---",
    "差出人: 山田商店 <desk@shop.example>\n送信日時: 2024年4月1日 12:00\n宛先: taro@example.jp\n件名: ご注文の件",
    "________________________________\n差出人: 山田商店 <desk@shop.example>\n送信日時: 2024年4月1日 12:00:00\n宛先: taro@example.jp\n件名: ご注文の件",
    "From: desk@shop.example\nSent: Monday, April 1, 2024 12:00 PM\nTo: taro@example.jp\nSubject: order",
    "> 2024/04/01 12:00、山田商店 <desk@shop.example>のメール:",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(
    "quoted", ["> ご注文の件\n> お届けしました", "＞ご注文の件", "\n>ご注文の件\n\n>お届けしました\n"]
)
def test_a_quotation_is_folded(header, quoted):
    text = f"{REPLY}\n\n{header}\n{quoted}"
    pieces = quoting.split(text)
    assert "".join(piece.text for piece in pieces) == text
    assert quoting.visible(text) == REPLY
    assert [piece.folded for piece in pieces] == [False, True]


@pytest.mark.parametrize("header", [header for header in HEADERS if not header.startswith(">")])
def test_what_follows_a_header_without_marks_is_folded(header):
    assert quoting.visible(f"{REPLY}\n\n{header}\n\nご注文の件\nお届けしました") == REPLY


@pytest.mark.parametrize(
    "text",
    [
        "2024/04/01 12:00に届いた商品の件です：\n箱がつぶれていました。",
        "注文番号:\n12345\n商品名:\n青いカップ",
        "差出人: 不明の荷物が届きました。\n心当たりがありません。",
        "件名: 返品\n日付: 4月1日\n理由: 色違い",
        "店員さんはこう書きました。\n「交換します」",
        ">_< 届きません\nどうすればいいですか",
        "-----\n注文番号 12345\n-----\n返品したいです",
        ">From the shop I bought two.\nBoth are broken.",
        "4月1日 12:00にフォームから送信しました。内容は以下です：\n商品が届きません。",
        "2024年4月1日 12:00頃、御社のサイトからメッセージを送信しました:\n返事がありません。",
        "2024年4月1日 12:00に taro@example.jp から注文した商品:\n- 赤い靴\n- 青い帽子",
        "2024/04/01 10:30 に taro@example.jp で注文しました。詳細:\n番号 123",
        "4月1日 12:00 注文\n連絡先 taro@example.jp:\nよろしくお願いします",
        "写真を添付します。\n2024-04-01 12:00 IMG_1 taro@example.jp:\n傷があります",
        "注文者 taro@example.jp のメール：\nこのアドレスに送ってください",
        "以下は店長の田中さんのメール:\nすぐ送りますとのことでした。",
        "On April 3 I ordered two shirts and your agent Bob wrote:\nthey would arrive in 5 days. They did not.",
        "On April 3, 2024 I asked your shop and Bob wrote:\nno refund. I disagree.",
        "At 5pm yesterday the driver wrote:\nnobody home. I was home!",
        "In mail from you on May 3 you wrote:\nno refund. I disagree.",
        "差出人: 山田太郎\n日付: 4月1日\n件名: 返品\n返品したいです。",
        "送信者: 山田\n宛先: 大阪市1-2-3\n日時: 4月3日 午前\n上記でお願いします。",
        "From: Tokyo\nTo: Osaka\nDate: April 3\nPlease tell me the shipping price.",
    ],
)
def test_what_a_customer_wrote_stays(text):
    assert "どうすればいいですか" in quoting.visible(text) or not text.startswith(">_<")
    assert quoting.visible(text) == text
    # Where something stands above it, nothing shows a text again that was folded.
    assert quoting.visible(f"こんにちは。\n{text}") == f"こんにちは。\n{text}"


def test_a_doubtful_header_folds_what_carries_marks():
    text = "On April 3 I ordered two shirts and your agent Bob wrote:\n> they arrive soon"
    assert quoting.visible(f"{REPLY}\n{text}") == REPLY


def test_answers_between_the_questions_keep_their_questions():
    text = "> 色はどれですか\n青です。\n\n> 数は\n二つです。\n\n> よろしくお願いします\n"
    assert quoting.visible(text) == "> 色はどれですか\n青です。\n\n> 数は\n二つです。"


def test_a_long_quotation_above_the_answer_is_folded():
    quote = "\n".join(f"> {number} 行目" for number in range(40))
    assert quoting.visible(f"山田商店 さんは書きました:\n{quote}\n\n交換してください。") == "交換してください。"


def test_a_signature_below_the_quotation_is_no_answer():
    text = f"{REPLY}\n\n2024/04/01 12:00、山田商店 <desk@shop.example>のメール：\n\n> ご注文の件\n\niPhoneから送信"
    assert quoting.visible(text) == f"{REPLY}\n\niPhoneから送信"


def test_what_is_forwarded_stays():
    text = "これです。\n\n---------- Forwarded message ---------\nFrom: a@b.example\nDate: x\nSubject: y\nTo: z\n\nご注文の控え"
    assert quoting.visible(text) == text


def test_nothing_but_a_quotation_is_shown():
    text = "> ご注文の件\n> お届けしました"
    assert quoting.visible(text) == text
    assert [piece.folded for piece in quoting.split(text)] == [False]
    assert quoting.split("") == ()


def test_pieces_are_the_text():
    text = "a\r\n> b\n\n\nOn 1 Jan 2024 at 12:00 x <a@b.example> wrote:\n> c\n> d\n--\nsig\n\n"
    assert "".join(piece.text for piece in quoting.split(text)) == text


@collected
def test_every_collected_japanese_header_is_folded():
    headers = corpus.quote_headers()
    for header in headers:
        text = f"{REPLY}\n\n{header}\n> ご注文の件\n> お届けしました"
        assert quoting.visible(text) == REPLY, header
    print(f"Japanese headers: {len(headers)}/{len(headers)}")


@collected
def test_no_customer_text_is_lost():
    exact = more = 0
    lost = []
    for name, body, want in corpus.replies():
        got = corpus.plain(quoting.visible(body))
        wanted = corpus.plain(want)
        if got == wanted:
            exact += 1
        elif wanted and (not got or any(corpus.plain(line) not in got for line in want.splitlines())):
            lost.append(name)
        else:
            more += 1
    print(f"replies: exact {exact}, lost {len(lost)}, more than needed {more}")
    assert lost == []


@collected
def test_every_collected_body_keeps_its_pieces():
    for name, body, _want in corpus.replies():
        assert "".join(piece.text for piece in quoting.split(body)) == body, name

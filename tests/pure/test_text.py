import pytest

from shopdesk import text


@pytest.mark.parametrize(
    ("typed", "same"),
    [("ﾎﾟｲﾝﾄ", "ポイント"), (" ＰａｙＰａｙ　", "paypay"), ("Ⅳ", "iv"), ("㈱", "(株)"), ("", "")],
)
def test_normalise_folds_width_and_case(typed, same):
    assert text.normalise(typed) == same


def test_kana_are_one():
    assert text.fold_kana("らっぴんぐ") == text.fold_kana("ﾗｯﾋﾟﾝｸﾞ") == "ラッピング"
    assert text.fold_kana("だいびき ヴィ ゔぃ ゞ") == "ダイビキ ヴィ ヴィ ヾ"


def test_what_breaks_a_header_becomes_a_space():
    assert text.one_line("件名\r\nBcc: all@shop.example") == "件名 Bcc: all@shop.example"
    assert text.one_line("a\x00b\u2028c\u2029d\x0be\x85f\tg") == "a b c d e f g"
    assert text.one_line("\n\n") == ""


def test_clean_drops_what_the_database_refuses():
    assert text.clean("a\x00b\ud800c\x1bd") == "abcd"
    assert text.clean("一\r\n二\r三\u2028四\t五") == "一\n二\n三\n四\t五"
    assert text.clean("絵文字 👍🏽 は残る") == "絵文字 👍🏽 は残る"


PERSONAL = [
    "hanako@mail.example", "da.me..@docomo.ne.jp", "hanako＠mail.example", "taro+shop@sub.mail.example",
    "090-1234-5678", "09012345678", "03(1234)5678", "０９０－１２３４－５６７８", "+81 90 1234 5678", "090 1234 5678",
    "#1001", "＃１００１", "#R-2041", "A-10023", "EC-2041", "INV10012", "123456", "１２３４５６", "1234-5678",
    "123456-20261120-0000000001", "503-1234567-1234567", "4111 1111 1111 1111".replace(" ", "-"), "123-4567",
]  # fmt: skip


@pytest.mark.parametrize("secret", PERSONAL)
@pytest.mark.parametrize("frame", ["{}", "返品したい {}", "{} が届かない", "電話は{}です。", "({})"])
def test_personal_data_is_masked(secret, frame):
    masked = text.mask_personal(frame.format(secret))
    assert text.MASK in masked
    assert secret not in masked
    assert sum(character.isdigit() for character in masked) == 0
    assert "@" not in masked


@pytest.mark.parametrize("order", ["注文番号1001", "注文番号は 1001", "注文番号:A1001", "受付番号 12"])
def test_a_number_after_the_word_number_is_masked(order):
    assert "1" not in text.mask_personal(order)


@pytest.mark.parametrize(
    "harmless",
    [
        "送料 5500円",
        "14〜16時",
        "身長165cm",
        "30日以内",
        "Mサイズ",
        "PayPay",
        "iPhone15",
        "10000mAh",
        "2〜3営業日",
        "クーリング・オフ",
    ],
)
def test_what_names_nobody_stays(harmless):
    assert text.mask_personal(harmless) == harmless


def test_names_are_one_whichever_form_their_characters_have():
    assert text.fold_forms("髙﨑 渡邊 渡邉 齋藤 斉藤 𠮷野") == "高崎 渡辺 渡辺 斎藤 斎藤 吉野"
    assert text.fold_forms("返品したい") == "返品したい"
    assert list(text.forms_of("高橋")) == ["高橋", "高槗", "髙橋", "髙槗"]
    assert list(text.forms_of("渡邉")) == ["渡邉", "渡辺", "渡邊"]
    assert list(text.forms_of("")) == [""]
    assert len(list(text.forms_of("斎" * 200))) == 24

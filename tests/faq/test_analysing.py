import threading

import pytest

from faq import analysing


def stems(text, language="ja"):
    return [word.stem for word in analysing.words(text, language)]


@pytest.mark.parametrize(
    "spellings",
    [
        ("引越し", "引っ越し", "引越"),
        ("取消", "取り消し", "取消し"),
        ("問合せ", "お問い合わせ", "問い合わせ"),
        ("ﾎﾟｲﾝﾄ", "ポイント"),
        ("ＰａｙＰａｙ", "PayPay", "paypay"),
        ("振込", "振り込み"),
        ("受取", "受け取り"),
        ("支払", "支払い"),
    ],
)
def test_spellings_of_a_word_are_one_term(spellings):
    assert len({tuple(stems(spelling)) for spelling in spellings}) == 1


def test_particles_and_politeness_carry_nothing():
    assert stems("返品の送料を教えてください") == ["返品", "送料"]
    assert stems("できますか？") == []


def test_places_refer_to_the_text_as_typed():
    text = "ﾎﾟｲﾝﾄを　使いたい"
    words = analysing.words(text, "ja")
    assert [text[word.start : word.end] for word in words] == ["ﾎﾟｲﾝﾄ", "使い"]


def test_a_slip_of_conversion_keeps_its_sound():
    right, wrong = set(analysing.grams("領収書", "ja")), set(analysing.grams("領集書", "ja"))
    typed = set(analysing.grams("りょうしゅうしょ", "ja"))
    assert right == wrong == typed


def test_hiragana_is_looked_up_as_katakana():
    assert analysing.kana_words("らっぴんぐ 無料") == [("ラッピング", 0, 5)]


def test_english_words_are_stemmed_without_stop_words():
    assert stems("How can I return my orders?", "en") == ["return", "order"]
    assert stems("shipping SHIPPED ships", "en") == ["ship", "ship", "ship"]
    assert analysing.grams("return", "en") == []


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    "text", ["", " ", "　", "?!。", "\n\t", "👍🏽", "a" * 100_000, "あ" * 100_000, "𠮷野家", "1" * 500]
)
def test_any_text_is_served(text, language):
    assert all(0 < len(term) <= analysing.MAX_TERM + 2 for term in analysing.terms(text, language))


def test_threads_do_not_share_a_tokenizer():
    failures = []

    def work():
        try:
            for _ in range(200):
                assert stems("商品を返品したい") == ["商品", "返品"]
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []

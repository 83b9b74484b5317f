"""How well and how fast the search finds, on the evaluation set in tests/faq/data. Run with -s to read the figures.

The public half of the queries is for looking; synonyms are general words of a shop, never written for one query. One
author wrote articles and queries, so the thresholds stand well below what is measured.
"""

import time

import pytest

from faq import search, suggesting
from tests.faq import evaluation

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids():
    return evaluation.load_articles()


@pytest.fixture
def queries():
    return evaluation.lines("queries_public.jsonl")


# Two spellings of one question: both must lead to the same first article.
SPELLINGS = [
    ("引越し", "引っ越し"), ("引越", "引っ越し"), ("取消", "取り消し"), ("問合せ", "お問い合わせ"), ("ﾎﾟｲﾝﾄ", "ポイント"),
    ("ＰａｙＰａｙ", "PayPay"), ("ペイペイ", "PayPay"), ("受取", "受け取り"), ("振込", "振り込み"), ("支払", "支払い"),
    ("代引き", "代金引換"), ("代引", "だいびき"), ("お届日", "お届け日"), ("らっぴんぐ", "ラッピング"), ("きゃんせる", "キャンセル"),
    ("ｷｬﾝｾﾙ", "キャンセル"), ("クレカ", "クレジットカード"), ("のし", "熨斗"), ("ノシ", "熨斗"), ("メルマガ", "メールマガジン"),
    ("宅配BOX", "宅配ボックス"), ("スマホ決済", "スマートフォン決済"), ("りょうしゅうしょ", "領収書"), ("へんぴん", "返品"),
    ("取説", "取扱説明書"), ("トリセツ", "取扱説明書"), ("ＬＩＮＥ", "LINE"), ("ぱすわーど", "パスワード"),
    ("売切れ", "売り切れ"), ("再入荷お知らせ", "再入荷のお知らせ"),
]  # fmt: skip


def first(query):
    ranked = search.rank(search.understand(query, "ja"), limit=1)
    return ranked[0][0] if ranked else None


def test_recall(ids, queries):
    figures = evaluation.measure(ids, queries)
    print(f"\nrecall@3 {figures['recall@3']:.3f}  MRR@10 {figures['mrr@10']:.3f}")
    print("hit@3 " + "  ".join(f"{kind} {value:.2f}" for kind, value in figures["hit@3"].items()))
    for query, wanted, found in figures["missed"]:
        print(f"  missed: {query} wanted {wanted} found {found}")
    assert figures["recall@3"] >= 0.90
    assert figures["mrr@10"] >= 0.82
    assert figures["hit@3"]["kw2"] >= 0.97
    assert figures["hit@3"]["typo"] >= 0.80


def test_without_any_synonym_the_words_and_their_sound_carry_most(ids, queries):
    from faq.models import Synonym

    Synonym.objects.all().delete()
    figures = evaluation.measure(ids, queries)
    print(f"\nwithout synonyms: recall@3 {figures['recall@3']:.3f}  MRR@10 {figures['mrr@10']:.3f}")
    assert figures["recall@3"] >= 0.80


def test_spellings_lead_to_the_same_article(ids):
    assert len(SPELLINGS) == 30
    apart = [(one, other) for one, other in SPELLINGS if first(one) is None or first(one) != first(other)]
    print(f"\n{30 - len(apart)} of 30 pairs agree; apart: {apart}")
    assert len(apart) <= 2


def test_a_word_is_found_inside_a_sentence(ids):
    for sentence in (
        "先週届いた靴のサイズが合わなかったので返品したいです。送り先を教えてください。",
        "返品",
        "これって返品できますか？",
    ):
        found = [ids[pk] for pk, *_ in search.rank(search.understand(sentence, "ja"), limit=5)]
        assert {"A023", "A024", "A026", "A030"} & set(found), sentence


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("領集書", "A060"),
        ("りょうしゅうしょ", "A060"),
        ("ポイント有郊期限", "A084"),
        ("クポン 使えない", "A089"),
        ("銀行振混", "A056"),
        ("コンビに払い", "A053"),
    ],
)
def test_slips_of_typing_are_rescued(ids, typed, wanted):
    assert wanted in [ids[pk] for pk, *_ in search.rank(search.understand(typed, "ja"), limit=3)]


def test_the_gate_of_the_suggestions(ids, queries):
    outside = [query for query in queries if not query["relevant"]]
    inside = [query for query in queries if query["relevant"]]
    assert evaluation.opened(outside) == []
    shown = right = 0
    for query in inside:
        if articles := suggesting.confident(query["query"], "ja"):
            shown += 1
            right += ids[articles[0].pk] in query["relevant"]
    print(f"\nopened for {shown} of {len(inside)} answerable queries, first one right {right / shown:.2f}; outside: 0")
    assert shown / len(inside) >= 0.66
    assert right / shown >= 0.75


def test_the_results_page_keeps_what_was_found(ids, queries):
    """Leaving out weak articles must not cost the right ones."""
    lost = []
    for query in queries:
        wanted = set(query["relevant"])
        ranked = {ids[pk] for pk, *_ in search.rank(search.understand(query["query"], "ja"), limit=3)}
        shown = {ids[hit.article.pk] for hit in search.search(query["query"], language="ja", limit=3)}
        if wanted & ranked and not wanted & shown:
            lost.append(query["query"])
    assert lost == []


def test_speed(ids, queries):
    """With excerpts and marks, as the results page asks; best of three, since test machines are busy."""
    times = []
    for query in queries:
        best = []
        for _ in range(3):
            start = time.perf_counter()
            search.search(query["query"], language="ja")
            best.append((time.perf_counter() - start) * 1000)
        times.append(min(best))
    times.sort()
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(f"\nsearch over {len(ids)} articles: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    assert p95 < 100

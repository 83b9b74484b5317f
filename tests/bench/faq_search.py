"""Speed and quality of the FAQ search among 10,074 articles: the 138 of the evaluation and 9,936 about products.

    .venv/bin/pytest tests/bench/faq_search.py -s -p no:randomly

The generated articles share the vocabulary of the real ones, which is what makes a query slow: many articles stand
behind each of its words.
"""

import time

import pytest

from faq import search
from faq.models import Token
from tests.faq import evaluation

PRODUCTS = [
    f"{kind}{maker}" for kind in (
        "革の長財布", "二つ折り財布", "トートバッグ", "リュック", "土鍋", "鉄のフライパン", "マグカップ", "漆のお椀", "加湿器", "扇風機",
        "スピーカー", "イヤホン", "モバイルバッテリー", "腕時計", "コート", "セーター", "スニーカー", "ブーツ", "本棚", "ソファ",
        "照明", "カーテン", "タオル", "まくら",
    ) for maker in (
        "一型", "二型", "三型", "大", "小", "限定版", "新作", "定番", "別注", "白", "黒", "青", "緑", "赤", "茶", "灰", "春", "夏",
    )
]  # fmt: skip
TOPICS = [
    ("{p}の返品はできますか", "{p}は未使用であれば到着後8日以内のご連絡で返品をお受けします。返送の送料はお客様のご負担です。"),
    ("{p}はいつ届きますか", "{p}はご注文から2〜4営業日で発送します。お届け日の指定は注文画面でお選びいただけます。"),
    ("{p}のお手入れ方法", "{p}は柔らかい布で拭いてください。濡れたときはすぐに水分を取り、陰干しします。"),
    ("{p}の保証期間を教えてください", "{p}の保証期間はお届けから1年です。保証書と注文番号をご用意ください。修理は無償で承ります。"),
    ("{p}が壊れていました", "ご迷惑をおかけしました。{p}の写真と注文番号をお送りください。初期不良は交換いたします。"),
    ("{p}のサイズを教えてください", "{p}の寸法は商品ページのサイズ表をご覧ください。サイズ交換は到着後8日以内に承ります。"),
    ("{p}は再入荷しますか", "{p}が売り切れのときは、再入荷お知らせにご登録ください。入荷日にメールでお知らせします。"),
    ("{p}をギフトにできますか", "{p}はラッピングとのしを承ります。金額の分かる納品書は同梱しません。メッセージカードも付きます。"),
    ("{p}の支払い方法", "{p}はクレジットカード、代金引換、コンビニ払い、銀行振込をご利用いただけます。"),
    ("{p}の注文をキャンセルしたい", "発送前であれば{p}の注文の取り消しを承ります。マイページからお手続きください。"),
    ("{p}の使い方", "{p}の取扱説明書は商品ページからダウンロードできます。電源が入らないときは充電をお確かめください。"),
    ("{p}の色は写真と同じですか", "{p}の色味はお使いの画面により異なって見えることがあります。イメージ違いの返品もご相談ください。"),
    ("{p}にポイントやクーポンは使えますか", "{p}のご購入にもポイントとクーポンをご利用いただけます。セール品は対象外のことがあります。"),
    ("{p}の送料はいくらですか", "{p}の送料は全国一律です。5,500円以上のご注文で送料無料になります。離島は追加の料金がかかります。"),
    ("{p}の領収書はもらえますか", "{p}の領収書はマイページの注文履歴からPDFで発行できます。宛名は一度だけご指定いただけます。"),
    ("{p}の部品は買えますか", "{p}の交換用の部品はお取り寄せできます。型番と必要な数量をお問い合わせフォームからお知らせください。"),
    ("{p}は店舗で見られますか", "{p}の一部は店舗に展示しています。店頭受け取りと取り置きは承っておりません。"),
    ("{p}は海外へ送れますか", "{p}の海外発送は承っておりません。国内の住所をお届け先にご指定ください。"),
    ("{p}の素材は何ですか", "{p}の素材と原産国は商品ページに記載しています。アレルギーのご心配はお問い合わせください。"),
    ("{p}を定期購入できますか", "{p}の定期便は一か月ごとにお届けします。休止や解約は次回発送の5日前までにお手続きください。"),
    ("{p}に名入れはできますか", "{p}には12文字まで名入れができます。名入れを始めたあとの変更と返品はお受けできません。"),
    ("{p}の荷物を追跡したい", "{p}の追跡番号は発送メールに記載しています。配送状況は配送会社のページでご確認ください。"),
    ("{p}の届け先を変更したい", "{p}の発送前であれば届け先の住所を変更できます。発送後は配送会社での転送になります。"),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.timeout(1200)
def test_ten_thousand_articles():
    rows = evaluation.lines("articles.jsonl")
    made = [
        {"id": f"G{number}", "title": title.format(p=product), "body": body.format(p=product)}
        for number, (product, (title, body)) in enumerate((product, topic) for topic in TOPICS for product in PRODUCTS)
    ]
    rows += made[: 10_074 - len(rows)]
    assert len(rows) == 10_074
    start = time.perf_counter()
    ids = evaluation.load_articles(rows)
    print(f"\nindexed {len(rows)} articles in {time.perf_counter() - start:.1f} s, {Token.objects.count()} postings")
    queries = evaluation.lines("queries_public.jsonl")
    for name, ask in (
        ("ranking", lambda text: search.rank(search.understand(text, "ja"), limit=10)),
        ("page with excerpts", lambda text: search.search(text, language="ja")),
    ):
        first, best = [], [float("inf")] * len(queries)
        for run in range(3):
            for place, query in enumerate(queries):
                start = time.perf_counter()
                ask(query["query"])
                spent = (time.perf_counter() - start) * 1000
                best[place] = min(best[place], spent)
                if run == 0:
                    first.append(spent)
        for label, times in (("first run", sorted(first)), ("best of 3", sorted(best))):
            p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
            print(f"{name}, {label}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {times[-1]:.1f} ms")
    figures = evaluation.measure(ids, queries)
    print(
        f"recall@3 {figures['recall@3']:.3f}  MRR@10 {figures['mrr@10']:.3f} (the original article, among the others)"
    )

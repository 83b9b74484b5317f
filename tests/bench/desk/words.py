"""Japanese sentences of made-up inquiries, and who writes them. Deterministic: the same number gives the same words."""

import random

FAMILY = [
    "佐藤",
    "鈴木",
    "高橋",
    "田中",
    "伊藤",
    "渡辺",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "山田",
    "佐々木",
    "山口",
    "松本",
    "井上",
    "木村",
    "林",
    "斎藤",
    "清水",
    "山崎",
    "森",
    "池田",
    "橋本",
]
GIVEN = [
    "花子",
    "太郎",
    "美咲",
    "健太",
    "さくら",
    "大輔",
    "陽子",
    "翔",
    "直美",
    "拓也",
    "由美",
    "誠",
    "恵子",
    "学",
    "麻衣",
    "剛",
    "真由美",
    "亮",
    "裕子",
    "修",
    "千尋",
    "聡",
    "香織",
    "隆",
]
KANA = ["サトウ ハナコ", "スズキ タロウ", "タカハシ ミサキ", "タナカ ケンタ", "イトウ サクラ", "ワタナベ ダイスケ"]
GOODS = [
    "革の名刺入れ",
    "二つ折り財布",
    "帆布トート",
    "真鍮のペン立て",
    "ガラスの急須",
    "木の弁当箱",
    "麻のエプロン",
    "白磁の飯碗",
    "鉄のフライパン",
    "綿の毛布",
]

ASKED = [
    "お世話になっております。", "先日注文した{goods}についてお尋ねします。", "いつ頃届きますでしょうか。",
    "色は写真のとおりでしょうか。", "届いた箱がつぶれていました。", "配送状況を教えてください。",
    "領収書の宛名を変更できますか。", "サイズがよく分かりません。", "ギフト包装は可能でしょうか。",
    "注文をキャンセルしたいのですが、まだ間に合いますか。", "支払い方法をクレジットカードに変更したいです。",
    "説明書が入っていませんでした。", "{goods}の在庫は次にいつ入りますか。", "お手入れの方法を教えてください。",
    "日時指定をお願いできますか。", "ポイントが付いていないようです。", "住所を間違えて登録してしまいました。",
    "よろしくお願いいたします。", "急いでおりますので早めのご返信をお願いします。", "電話でのご連絡は難しいです。",
]  # fmt: skip
RETURNING = ["返品をお願いしたいです。", "返品の手順を教えてください。", "サイズが合わないので返品できますか。"]
RARE = "陶器の縁が少し欠けておりました。"
PHRASE = "初期不良かもしれませんので交換をご検討ください。"
ANSWERED = [
    "いつもご利用いただき、誠にありがとうございます。", "お問い合わせの件、確認いたしました。",
    "{goods}は本日の便で発送いたしました。", "お荷物の到着まで二日ほどお待ちくださいませ。",
    "ご不便をおかけし申し訳ございません。", "担当部署に確認のうえ、改めてご連絡いたします。",
    "ご注文内容の変更を承りました。", "今後ともよろしくお願い申し上げます。", "在庫は来週の入荷を予定しております。",
    "お手入れには乾いた柔らかい布をお使いください。", "代わりの品を明日お送りいたします。",
]  # fmt: skip
ENDS = ["", "よろしくお願いいたします。", "何卒よろしくお願い申し上げます。"]


def person(number):
    """(name, kana, address, phone) of a customer."""
    family, given = FAMILY[number % len(FAMILY)], GIVEN[number // len(FAMILY) % len(GIVEN)]
    return f"{family} {given}", KANA[number % len(KANA)], f"kyaku{number}@mail.example", f"090{number % 10**8:08d}"


def conversation(number):
    """(subject, [sentences of each of four messages]) of an inquiry; every eighth is about a return."""
    draw = random.Random(number)
    goods = draw.choice(GOODS)
    texts = []
    for turn in range(4):
        source = ASKED if turn % 2 == 0 else ANSWERED
        texts.append([one.format(goods=goods) for one in draw.sample(source, 4)] + [draw.choice(ENDS)])
    if number % 8 == 0:
        texts[0].insert(1, draw.choice(RETURNING))
    if number % 1750 == 3:
        texts[0].append(RARE)
    if number % 966 == 5:
        texts[2].append(PHRASE)
    return f"{goods}について", texts

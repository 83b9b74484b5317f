"""The reasons and rules that ship with the product. A shop's later edits are its own: nothing here runs twice.

The texts are samples; a shop must hold them against its own 返品特約 before it opens.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

SHOP, CUSTOMER, CARRIER, OPEN = "shop", "customer", "carrier", "open"

# code, Japanese, English, fault, question (Japanese), question (English), answer required, offered.
# Order: why goods come back most often, what is wrong with them before what changed with the customer.
REASONS = [
    (
        "DEFECT_INITIAL", "初期不良(動かない・不具合)", "Defective on arrival", SHOP,
        "いつ気づかれましたか。どのような症状ですか。",
        "When did you notice it, and what exactly happens?", True, True,
    ),
    (
        "SCRATCH_DIRT", "傷・汚れがあった", "Scratched or dirty", SHOP,
        "傷や汚れはどこに、どのくらいの大きさでありますか。",
        "Where is the scratch or stain, and how large is it?", True, True,
    ),
    (
        "DAMAGED_TRANSIT", "配送中の破損", "Damaged in transit", CARRIER,
        "外箱・緩衝材・商品は、それぞれどのような状態でしたか。箱は確認が済むまで保管してください。",
        "In what state were the box, the padding and the item? Please keep the box until we have checked.", True, True,
    ),
    (
        "WRONG_ITEM", "注文と違う商品が届いた", "Wrong item sent", SHOP,
        "届いた商品の名前や品番(袋や箱の表示)を教えてください。",
        "What is the name or item number of what arrived (on the bag or box)?", True, True,
    ),
    (
        "MISSING_ITEM", "商品が入っていなかった", "Item missing", SHOP,
        "箱の中に入っていたものをすべて教えてください。",
        "Please list everything that was in the box.", True, True,
    ),
    (
        "MISSING_PARTS", "付属品・部品が足りない", "Parts missing", SHOP,
        "足りない付属品・部品は何ですか。",
        "Which parts or accessories are missing?", True, True,
    ),
    (
        "NOT_AS_DESCRIBED", "説明・表示と違う", "Not as described", SHOP,
        "商品ページのどの説明・写真と、どのように違いましたか。",
        "Which words or pictures of the product page differ from the item, and how?", True, True,
    ),
    (
        "EXPIRY", "期限切れ・期限間近", "Expired or short-dated", SHOP,
        "商品に表示されている期限の日付を教えてください。",
        "What date is printed on the item?", True, True,
    ),
    (
        "SAFETY", "発熱・発煙・けがのおそれ", "Safety hazard", SHOP,
        "すぐに使用をやめてください。何が起きましたか。おけがはありませんか。",
        "Please stop using it at once. What happened? Is anybody hurt?", True, True,
    ),
    (
        "FAULT_IN_WARRANTY", "保証期間内の故障", "Fault within the warranty", SHOP,
        "いつから、どのような症状ですか。製造番号があれば教えてください。",
        "Since when, and what happens? Please give the serial number if there is one.", True, True,
    ),
    (
        "RECALL", "リコールの対象", "Recalled", SHOP,
        "製造番号・ロット番号を教えてください。",
        "What is the serial or lot number?", True, True,
    ),
    (
        "LATE", "お届けが遅く不要になった", "Arrived too late", OPEN,
        "いつまでに必要でしたか。", "By when did you need it?", False, True,
    ),
    (
        "NOT_ARRIVED", "届いていない", "Not received", CARRIER,
        "", "", False, False,  # nothing to send back: goes through the contact form
    ),
    (
        "SIZE_SMALL", "小さかった", "Too small", CUSTOMER,
        "どの部分が小さかったですか。ふだんのサイズと、サイズ表をご覧になったかを教えてください。",
        "Which part is too small? What is your usual size, and did you see the size table?", False, True,
    ),
    (
        "SIZE_LARGE", "大きかった", "Too large", CUSTOMER,
        "どの部分が大きかったですか。ふだんのサイズと、サイズ表をご覧になったかを教えてください。",
        "Which part is too large? What is your usual size, and did you see the size table?", False, True,
    ),
    (
        "IMAGE_DIFF", "画像・説明から想像したものと違う", "Differs from what I imagined", OPEN,
        "どこが(色・大きさ・素材・形・機能など)、何をご覧になって(写真・説明文・サイズ表など)想像されたものと違いましたか。",
        "What differs (colour, size, material, shape, function), and from what you had seen (picture, text, size table)?",
        True, True,
    ),
    (
        "COLOR_DIFF", "色が思っていたものと違う", "Colour differs", OPEN,
        "どの写真の色と、どのように違いましたか(明るさ・赤み・黄みなど)。",
        "Which picture did you compare with, and how does the colour differ?", True, True,
    ),
    (
        "MATERIAL", "素材・質感が違う", "Material or texture differs", OPEN,
        "手ざわりや厚み、つやなど、どこが想像と違いましたか。",
        "What differs from what you expected: touch, thickness, gloss?", True, True,
    ),
    (
        "CHANGED_MIND", "不要になった・気が変わった", "No longer needed", CUSTOMER,
        "よろしければ理由をお聞かせください。", "If you like, tell us why.", False, True,
    ),
    ("ORDER_MISTAKE", "間違えて注文した", "Ordered by mistake", CUSTOMER, "", "", False, True),
    ("DUPLICATE", "重複して注文した", "Ordered twice", CUSTOMER, "", "", False, True),
    ("BETTER_PRICE", "ほかで安く見つけた", "Better price elsewhere", CUSTOMER, "", "", False, True),
    ("GIFT", "贈り物が不要だった", "Unwanted gift", CUSTOMER, "", "", False, True),
    (
        "FAULT_OUT", "保証期間外の故障", "Fault after the warranty", CUSTOMER,
        "", "", False, False,  # paid repair, not a return
    ),
    ("ACCIDENT", "落下・水濡れなど", "Accidental damage", CUSTOMER, "", "", False, False),  # paid repair
    (
        "OTHER", "その他", "Something else", OPEN,
        "理由をくわしく教えてください。", "Please tell us the reason.", True, True,
    ),
]  # fmt: skip

# slug, names, fault, reasons it is only for, tags it is only for, window in days, postage, texts
POLICIES = [
    (
        "defect", "初期不良・破損", "Defects and damage", SHOP, [], [], 8, SHOP,
        "お届けした商品に不良や破損があった場合は、商品到着後8日以内にご連絡ください。送料は当店負担で交換いたします。"
        "在庫がない場合は、代金を全額ご返金いたします。確認のため、商品・外箱・送り状の写真をお願いすることがあります。",
        "If an item is defective or damaged, please tell us within 8 days of arrival. We pay the postage and exchange it; "
        "if it is out of stock, we refund the full price. We may ask for pictures of the item, the box and the label.",
    ),
    (
        "wrong_item", "誤配送・数量違い", "Wrong item or quantity", SHOP,
        ["WRONG_ITEM", "MISSING_ITEM", "MISSING_PARTS"], [], 14, SHOP,
        "ご注文と異なる商品が届いた場合や、数量に誤りがあった場合は、当店負担で正しい商品をすぐにお送りします。"
        "届いた商品は、着払いでご返送ください。",
        "If a different item arrived or the quantity is wrong, we send the right goods at once and at our cost. "
        "Please send back what arrived, postage paid by us.",
    ),
    (
        "change_of_mind", "お客様のご都合(イメージ違い・不要になった など)", "Change of mind", CUSTOMER, [], [], 8, CUSTOMER,
        "未使用の商品に限り、到着後8日以内のご連絡で返品・交換をお受けします。返送の送料はお客様のご負担となります。"
        "ご返金のほか、次回のお買い物にお使いいただけるクーポンでのお受け取りもお選びいただけます。",
        "Unused goods may be returned or exchanged if you tell us within 8 days of arrival. You pay the return postage. "
        "Instead of a refund you may choose a coupon for your next order.",
    ),
    (
        "made_to_order", "名入れ・受注生産品", "Engraved and made to order", CUSTOMER,
        [], ["engraved", "made_to_order"], 0, CUSTOMER,
        "名入れなど、ご注文をいただいてからお作りする商品は、お客様のご都合による返品・交換をお受けできません。"
        "文字の誤りや不良があった場合は、当店の責任でお作り直しいたします。",
        "Goods that are made for you, such as engraved ones, cannot be returned for a change of mind. "
        "If there is a mistake in the lettering or a defect, we make the item again at our cost.",
    ),
    (
        "electronics_warranty", "小型家電の保証・修理", "Warranty of small appliances", SHOP,
        ["FAULT_IN_WARRANTY"], ["electronics"], None, SHOP,
        "お買い上げ日から保証期間内に、説明書に沿った使い方で故障した場合は、無償で修理または交換いたします。"
        "保証期間を過ぎたものも、有償で修理をお受けできる場合がありますので、ご相談ください。",
        "If an appliance fails within its warranty while used as described in its manual, we repair or exchange it free "
        "of charge. After the warranty we may be able to repair it for a fee; please ask.",
    ),
    (
        "sale_item", "セール品・訳あり品", "Sale and outlet goods", CUSTOMER, [], ["sale", "outlet"], 0, CUSTOMER,
        "セール品・訳あり品は、商品ページに記した傷や色むらを理由とする返品はお受けできません。"
        "記載のない不良や誤配送の場合は、通常の商品と同じく対応いたします。",
        "Sale and outlet goods cannot be returned for scratches or uneven colour that the product page describes. "
        "Defects that it does not mention and wrong items are handled as for all other goods.",
    ),
]  # fmt: skip


def seed(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    reason_model = apps.get_model("returns", "Reason")
    policy_model = apps.get_model("returns", "Policy")
    reasons = {}
    for position, (code, ja, en, fault, question_ja, question_en, required, offered) in enumerate(REASONS):
        reasons[code] = reason_model.objects.create(
            code=code, name_ja=ja, name_en=en, fault=fault, question_ja=question_ja, question_en=question_en,
            answer_required=required, is_active=offered, position=position * 10,
        )  # fmt: skip
    for position, (slug, ja, en, fault, only, tags, window, postage, text_ja, text_en) in enumerate(POLICIES):
        policy = policy_model.objects.create(
            slug=slug, name_ja=ja, name_en=en, fault=fault, applies_to=tags, window_days=window, postage=postage,
            text_ja=text_ja, text_en=text_en, position=position * 10,
        )  # fmt: skip
        policy.reasons.set([reasons[code] for code in only])


class Migration(migrations.Migration):
    dependencies = [("returns", "0002_rules")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]

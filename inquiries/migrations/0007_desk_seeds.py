"""What ships for the desk: labels of the fixed statuses, causes, and what older rows are missing."""

from django.db import migrations

# (counts as, Japanese, English, for customers in Japanese and English, clock for solving stands still)
LABELS = [
    ("open", "未対応", "To answer", "受付済み", "Received", False),
    ("pending", "お客様の返信待ち", "Waiting for the customer", "ご返信待ち", "Waiting for your reply", True),
    ("pending", "仕入先・運送会社に確認中", "Asking supplier or carrier", "確認中", "We are checking", False),
    ("hold", "保留", "On hold", "確認中", "We are checking", True),
    ("solved", "完了", "Solved", "対応済み", "Solved", False),
    ("spam", "迷惑メール", "Spam", "", "", False),
]
# (Japanese, English, parts)
CAUSES = [
    ("商品ページの説明", "Product page", [("書かれていない", "Not written"), ("わかりにくい", "Unclear"), ("誤り", "Wrong")]),
    ("在庫・納期", "Stock and lead time", [("欠品", "Out of stock"), ("納期の問い合わせ", "When will it come")]),
    ("配送", "Delivery", [("遅延", "Late"), ("破損", "Damaged on the way"), ("誤配・紛失", "Wrong place or lost")]),
    ("商品", "Product", [("初期不良", "Defective"), ("誤出荷", "Wrong item sent"), ("イメージ違い", "Not as pictured")]),
    ("注文・決済", "Order and payment", [("変更・取消", "Change or cancel"), ("決済エラー", "Payment error")]),
    ("使い方", "How to use", []),
    ("当店のミス", "Our mistake", []),
    ("その他", "Other", []),
]


def write(apps, schema_editor):
    StatusLabel = apps.get_model("inquiries", "StatusLabel")
    for position, (status, ja, en, customer_ja, customer_en, pauses) in enumerate(LABELS):
        StatusLabel.objects.get_or_create(
            name_ja=ja,
            defaults={
                "status": status, "name_en": en, "customer_ja": customer_ja, "customer_en": customer_en,
                "pauses_clock": pauses, "position": position,
            },
        )
    Cause = apps.get_model("inquiries", "Cause")
    for position, (ja, en, parts) in enumerate(CAUSES):
        parent, _ = Cause.objects.get_or_create(name_ja=ja, parent=None, defaults={"name_en": en, "position": position})
        for place, (part_ja, part_en) in enumerate(parts):
            Cause.objects.get_or_create(name_ja=part_ja, parent=parent, defaults={"name_en": part_en, "position": place})


FILL = """
UPDATE inquiries_inquiry AS row SET priority = category.priority, escalation_at = row.reply_due_at
  FROM inquiries_category AS category WHERE category.id = row.category_id;
UPDATE inquiries_inquiry AS row SET preview = left(regexp_replace(newest.body, '\\s+', ' ', 'g'), 160)
  FROM (SELECT DISTINCT ON (inquiry_id) inquiry_id, body FROM inquiries_message
        WHERE kind IN ('received', 'reply') ORDER BY inquiry_id, at DESC, id DESC) AS newest
  WHERE newest.inquiry_id = row.id;
"""


class Migration(migrations.Migration):
    dependencies = [("inquiries", "0006_the_desk")]
    operations = [
        migrations.RunPython(write, migrations.RunPython.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]

"""The thirteen categories that ship: five kinds of question before an order and eight after it."""

from django.db import migrations

NORMAL, HIGH, URGENT = 0, 1, 2

# (code, Japanese, English, answer within business minutes, priority, complaint)
BEFORE = [
    ("spec", "商品の仕様", "Product specification", 240, NORMAL, False),
    ("restock", "納期・入荷の予定", "Lead time and restock", 480, NORMAL, False),
    ("shipping", "配送に関する確認", "Delivery question", 240, NORMAL, False),
    ("payment", "決済方法の確認", "Payment method", 480, NORMAL, False),
    ("site_error", "サイトの表記漏れ", "Error or gap on the site", 480, NORMAL, False),
]
AFTER = [
    ("order_change", "注文内容の変更・確認", "Change or check an order", 120, HIGH, False),
    ("mail_missing", "メールの不達", "Mail not received", 240, NORMAL, False),
    ("delay", "配送の遅延", "Late delivery", 120, HIGH, True),
    ("return", "商品の返品", "Return", 240, HIGH, True),
    ("usage", "使用法・用途の確認", "How to use", 480, NORMAL, False),
    ("defect", "商品の不良", "Defective product", 120, URGENT, True),
    ("wrong_item", "商品の誤配送", "Wrong item delivered", 120, URGENT, True),
    ("image_gap", "商品のイメージ違い", "Not as pictured", 240, HIGH, True),
]


def write(apps, schema_editor):
    Category = apps.get_model("inquiries", "Category")
    for phase, rows in (("before", BEFORE), ("after", AFTER)):
        for position, (slug, name_ja, name_en, minutes, priority, is_complaint) in enumerate(rows):
            Category.objects.get_or_create(
                slug=slug,
                defaults={
                    "phase": phase,
                    "name_ja": name_ja,
                    "name_en": name_en,
                    "position": position,
                    "reply_minutes": minutes,
                    "priority": priority,
                    "is_complaint": is_complaint,
                },
            )


class Migration(migrations.Migration):
    dependencies = [("inquiries", "0001_initial")]
    operations = [migrations.RunPython(write, migrations.RunPython.noop)]

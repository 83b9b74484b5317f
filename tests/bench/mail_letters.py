"""The letters of the mail benchmark: the same words for everybody who is measured."""

FROM_NAME, FROM_ADDRESS, TO_NAME = "くらしの道具店", "support@shop.example", "山田 花子"
TEXT = (
    "山田 花子 様\n\nくらしの道具店でございます。このたびはご注文いただき、誠にありがとうございました。\n"
    "お届けした革の名刺入れはいかがでしたでしょうか。お手入れの方法を下記のページにまとめております。\n"
    "https://help.shop.example/articles/leather-care/\n\nご不明な点がございましたら、このメールにそのままご返信ください。\n"
    + "─" * 24
    + "\nくらしの道具店  平日 10:00-17:00\n"
)


def letters(first, count):
    """Letters ``first`` … as plain words; mail.py's fill() writes the same ones into shopdesk's table."""
    return [
        {
            "sender": f"{FROM_NAME} <{FROM_ADDRESS}>",
            "to": f"{TO_NAME} <c{number}@mail.example>",
            "subject": f"お届けした商品はいかがですか #{number}",
            "text": TEXT,
            "message_id": f"<bench-{number}@shop.example>",
        }
        for number in range(first, first + count)
    ]

"""A word of thanks reopens nothing; a complaint is never taken for thanks."""

import pytest

from inquiries.thanks import only_thanks

THANKS = [
    "ありがとうございます。",
    "ありがとうございました！",
    "ご対応ありがとうございました。",
    "早速のご返信ありがとうございます。助かりました。",
    "どうもありがとうございました。今後ともよろしくお願いいたします。",
    "佐藤様\n\nお世話になっております。\nご丁寧なご対応をいただき、ありがとうございました。\n\n山田 花子",
    "無事に届きました。ありがとうございました。",
    "承知しました。ありがとうございます。",
    "迅速なご対応、誠にありがとうございました。\nまたよろしくお願いします。",
    "解決しました。ありがとうございました。",
    "ご連絡ありがとうございます。\n確認しました。\nよろしくお願いいたします。",
    "大変助かりました。ありがとうございます!!",
    "心より感謝申し上げます。",
    "取り急ぎお礼まで。ありがとうございました。",
    "ありがとうございます♪\n\niPhoneから送信",
    "有難うございました。",
    "Thank you so much!",
    "Thanks!",
    "Hi Sato, thank you for your quick reply. Best regards",
    "Got it, thank you very much.",
]
OTHERS = [
    "ありがとうございます。でもまだ届いていません。",
    "ご対応ありがとうございました。ただ、色が違います。",
    "ありがとうございますが、返金をお願いします。",
    "返信ありがとうございます。領収書も送ってください。",
    "ありがとうございました。ところで送料はいくらですか？",
    "お礼を言うつもりでしたが、また壊れました。",
    "ありがとうございます。交換してほしいです。",
    "助かりました。もう一つ質問があります。",
    "最悪です。ありがとうございました。",
    "ありがとうございました。二度と買いません。",
    "ご丁寧にありがとうございます。しかし納得できません。",
    "ありがとうございます。キャンセルします。",
    "ありがとうございます。いつ届きますか",
    "連絡ありがとうございます。30分後に電話します。",
    "素晴らしいご対応ありがとうございました(怒)",
    "ありがとうございます。傷がありました。",
    "Thank you, but it is still broken.",
    "Thanks. When will it arrive?",
    "Thanks for nothing.",
    "Thank you. I want my money back.",
]


@pytest.mark.parametrize("text", THANKS)
def test_thanks(text):
    assert only_thanks(text, name="山田 花子")


@pytest.mark.parametrize("text", OTHERS)
def test_never_taken_for_thanks(text):
    assert not only_thanks(text, name="山田 花子")


@pytest.mark.parametrize(
    "text", ["", "。", "山田 花子", "お世話になっております。", "届きました。", "ありがとうございました。" * 30]
)
def test_neither_silence_nor_greetings_nor_length_is_thanks(text):
    assert not only_thanks(text, name="山田 花子")

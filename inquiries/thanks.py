"""Whether a mail says nothing but thanks. Pure.

A complaint taken for thanks would be lost, thanks taken for a question cost a click. So every sentence must be known
word for word; one that is not makes the mail an ordinary one.
"""

import re
import unicodedata

_LONGEST = 200
_MOST_SENTENCES = 8

# Polite endings of what is thanked for.
_POLITE = r"(?:ございます|ございました|ございましたー|御座います|御座いました)?"
_FOR = (
    r"(?:(?:ご|御)?(?:丁寧な|丁寧に|迅速な|早速の|素早い|早い|すばやい|親切な|親切に|とても)?"
    r"(?:ご|御)?(?:対応|返信|連絡|回答|返事|案内|説明|教示|手配|発送|配慮|確認|協力)"
    r"(?:(?:、|や|と|と、)?(?:ご|御)?(?:対応|返信|連絡|回答|案内|手配))?(?:を)?(?:いただき|頂き|くださり|下さり)?(?:まして)?(?:、|に|を)?(?:本当に|誠に|大変)?)"
)
_THANKS = [
    rf"(?:{_FOR}|早速|どうも|本当に|誠に|大変|いつも|わざわざ|この度は|このたびは|先日は|色々と|いろいろと|、)*(?:ありがとう|有難う|有り難う){_POLITE}",
    rf"(?:{_FOR})?(?:心より|深く|大変)?(?:感謝(?:です|します|しております|いたします|致します|申し上げます)|(?:お|御)礼(?:を)?申し上げます)",
    r"(?:とても|大変|本当に)?助かり(?:ました|ます)",
    r"(?:many |thank you|thanks)(?:thanks|thank you)?(?: so much| very much| a lot| again| indeed)*"
    r"(?: for (?:the|your) (?:quick |prompt |kind |fast |great )*(?:help|reply|response|answer|support|assistance|service))?",
]
_BESIDE = [
    r"(?:いつも)?(?:大変)?(?:お|御)世話になって(?:おります|います)|(?:お|御)世話になりました|(?:お|御)疲れ(?:様|さま)です|こんにちは|こんばんは|おはようございます",
    r"(?:商品(?:が|は|を)?|荷物(?:が|は|を)?|本日|今日|先ほど|さきほど|昨日|無事に?|、)*(?:届きました|受け取りました|受取りました|到着しました|到着いたしました|解決しました|解決いたしました|確認しました|確認できました|確認いたしました)",
    r"承知(?:しました|いたしました|致しました)|了解(?:です|しました|いたしました|致しました)|わかりました|分かりました|かしこまりました",
    r"(?:今後とも|これからも|引き続き|また(?:機会がありましたら|の機会に)?|次回も)?(?:、)?(?:どうぞ|どうか)?(?:よろしく|宜しく)(?:お願い|御願い|おねがい)(?:します|いたします|致します|申し上げます)",
    r"また(?:利用|購入|注文)(?:させていただきます|させて頂きます|します|いたします)|また買います",
    r"取り急ぎ(?:、)?(?:お礼|御礼)(?:まで|のみにて失礼(?:します|いたします|致します))?|それでは|失礼(?:します|いたします|致します)",
    r"(?:とても|大変|すごく)?(?:嬉しい|うれしい)です|(?:とても|大変)?(?:満足|気に入って)(?:です|しています|しております|います)",
    r"(?:hi|hello|dear)(?: [a-z]+){0,3}|(?:it|the (?:parcel|package|order|item|bag))(?: has)? arrived(?: safely| today| yesterday)?|got it|received(?: it)?(?: safely)?"
    r"|all good|(?:kind |best |warm )?regards|best wishes|best|cheers|have a (?:nice|great|good) (?:day|weekend)|(?:i )?appreciate it|much appreciated",
    r"(?!何)[一-鿿々ァ-ヶーa-z]{1,8}(?: [一-鿿々ァ-ヶーa-z]{1,8})?\s*(?:様|さま)|(?:ご担当者|担当者|ご担当|お客様(?:窓口|係)|店長)(?:様|さま)",
    r"(?:iphone|ipad|android|スマートフォン|携帯)(?:から送信)?|sent from my (?:iphone|ipad|android|phone|galaxy)",
]
_IS_THANKS = re.compile("|".join(f"(?:{one})" for one in _THANKS), re.IGNORECASE)
_IS_BESIDE = re.compile("|".join(f"(?:{one})" for one in _BESIDE), re.IGNORECASE)
_END = re.compile(r"[。!！\n.♪]+|(?<=[a-z]),\s+|(?<=す|た),|(?<=す|た)、")
# Whatever asks, denies or turns round: the rest of the rule would refuse these sentences too.
_NEVER = re.compile(
    r"[?？]|ない|ません|ですが|ましたが|けど|けれど|しかし|でも|(?<!い)ただ(?!いま|今)|残念|がっかり|返品|返金|交換|キャンセル|壊|不良|違|まだ|遅|ください|下さい|欲しい|ほしい"
    r"|\bnot\b|n't\b|\bbut\b|however|refund|return|cancel|please|broken|wrong|still|never|\bno\b",
    re.IGNORECASE,
)
_DECORATION = re.compile(r"[\s☆★♡♥^_()（）m~〜ー…・笑]+$|^[\s　]+")


def only_thanks(text: str, *, name: str = "") -> bool:
    """Whether the text is a bare word of thanks. ``name`` is the writer's own, with which a mail may be signed."""
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if not plain or len(plain) > _LONGEST or _NEVER.search(plain):
        return False
    own = "".join(unicodedata.normalize("NFKC", name).lower().split())
    sentences = [_DECORATION.sub("", one).strip(" ,、:") for one in _END.split(plain)]
    sentences = [one for one in sentences if one]
    if len(sentences) > _MOST_SENTENCES:
        return False
    thanked = False
    for one in sentences:
        if own and "".join(one.split()) in {own, own + "です"}:
            continue
        if _IS_THANKS.fullmatch(one):
            thanked = True
        elif not _IS_BESIDE.fullmatch(one):
            return False
    return thanked

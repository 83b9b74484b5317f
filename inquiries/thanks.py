"""Whether a mail says nothing but thanks. Pure.

A complaint taken for thanks would be lost, thanks taken for a question cost a click. So every sentence must be known
word for word; one that is not makes the mail an ordinary one.
"""

import re
import unicodedata

_LONGEST = 200
_MOST_SENTENCES = 8

_POLITE = r"(?:ございます|ございました|ございましたー|御座います|御座いました)?"
_HOW = "丁寧な|丁寧に|迅速な|早速の|素早い|早い|すばやい|親切な|親切に|とても"
_DEED = "対応|返信|連絡|回答|返事|案内|説明|教示|手配|発送|配慮|確認|協力"
_FOR = (
    rf"(?:(?:ご|御)?(?:{_HOW})?(?:の)?(?:ご|御)?(?:{_DEED})(?:(?:、|や|と|と、)?(?:ご|御)?(?:{_DEED}))?(?:を)?"
    r"(?:いただき|頂き|くださり|下さり)?(?:まして)?(?:、|に|を)?(?:本当に|誠に|大変)?)"
)
_VERY = "早速|どうも|本当に|誠に|大変|いつも|わざわざ|この度は|このたびは|先日は|色々と|いろいろと|、"
_DO = "します|いたします|致します"
_DID = "しました|いたしました|致しました"
_THANKS = (
    rf"(?:{_FOR}|{_VERY})*(?:ありがとう|有難う|有り難う){_POLITE}",
    rf"(?:{_FOR})?(?:心より|深く|大変)?感謝(?:です|しております|申し上げます|{_DO})",
    rf"(?:{_FOR})?(?:心より|深く|大変)?(?:お|御)礼(?:を)?申し上げます",
    r"(?:とても|大変|本当に)?助かり(?:ました|ます)",
    (
        r"(?:many |thank you|thanks)(?:thanks|thank you)?(?: so much| very much| a lot| again| indeed)*"
        r"(?: for (?:the|your) (?:quick |prompt |kind |fast |great )*"
        r"(?:help|reply|response|answer|support|assistance|service))?"
    ),
)
_BESIDE = (
    # greetings
    r"(?:いつも)?(?:大変)?(?:お|御)世話になって(?:おります|います)|(?:お|御)世話になりました|(?:お|御)疲れ(?:様|さま)です",
    r"こんにちは|こんばんは|おはようございます|(?:hi|hello|dear)(?: [a-z]+){0,3}",
    # it is here, it is done
    (
        r"(?:商品(?:が|は|を)?|荷物(?:が|は|を)?|本日|今日|先ほど|さきほど|昨日|無事に?|、)*"
        rf"(?:届きました|受け取りました|受取りました|(?:到着|解決|確認)(?:{_DID})|確認できました)"
    ),
    r"(?:it|the (?:parcel|package|order|item|bag))(?: has)? arrived(?: safely| today| yesterday)?",
    r"got it|received(?: it)?(?: safely)?|all good",
    # understood
    rf"(?:承知|了解)(?:{_DID})|了解です|わかりました|分かりました|かしこまりました",
    # until next time
    (
        r"(?:今後とも|これからも|引き続き|また(?:機会がありましたら|の機会に)?|次回も)?(?:、)?(?:どうぞ|どうか)?"
        rf"(?:よろしく|宜しく)(?:お願い|御願い|おねがい)(?:申し上げます|{_DO})"
    ),
    rf"また(?:利用|購入|注文)(?:させていただきます|させて頂きます|{_DO})|また買います",
    rf"取り急ぎ(?:、)?(?:お礼|御礼)(?:まで|のみにて失礼(?:{_DO}))?|それでは|失礼(?:{_DO})",
    r"(?:kind |best |warm )?regards|best wishes|best|cheers|have a (?:nice|great|good) (?:day|weekend)",
    r"(?:i )?appreciate it|much appreciated",
    # glad
    r"(?:とても|大変|すごく)?(?:嬉しい|うれしい)です",
    r"(?:とても|大変)?(?:満足|気に入って)(?:です|しています|しております|います)",
    # to whom, and from which device
    r"(?!何)[一-鿿々ァ-ヶーa-z]{1,8}(?: [一-鿿々ァ-ヶーa-z]{1,8})?\s*(?:様|さま)",
    r"(?:ご担当者|担当者|ご担当|お客様(?:窓口|係)|店長)(?:様|さま)",
    r"(?:iphone|ipad|android|スマートフォン|携帯)(?:から送信)?|sent from my (?:iphone|ipad|android|phone|galaxy)",
)
_IS_THANKS = re.compile("|".join(f"(?:{one})" for one in _THANKS), re.IGNORECASE)
_IS_BESIDE = re.compile("|".join(f"(?:{one})" for one in _BESIDE), re.IGNORECASE)
_END = re.compile(r"[。!！\n.♪]+|(?<=[a-z]),\s+|(?<=す|た),|(?<=す|た)、")
# Whatever asks, denies or turns round: the rest of the rule would refuse these sentences too.
_NEVER = re.compile(
    r"[?？]|ない|ません|ですが|ましたが|けど|けれど|しかし|でも|(?<!い)ただ(?!いま|今)|残念|がっかり|返品|返金|交換"
    r"|キャンセル|壊|不良|違|まだ|遅|ください|下さい|欲しい|ほしい|\bnot\b|n't\b|\bbut\b|however|refund|return|cancel|please"
    r"|broken|wrong|still|never|\bno\b",
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

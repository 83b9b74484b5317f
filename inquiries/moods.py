"""How a customer sounds, by the words they wrote: a first guess, which staff correct.

Only strong words count. 「申し訳ございませんが」 is politeness, 「心配いりません」 no worry, and what is quoted from
us is not theirs.
"""

import re
import unicodedata

from inquiries.models import Inquiry

_Mood = Inquiry.Mood

_UPSET = (
    r"がっかり|ガッカリ|失望|裏切|最悪|最低(?:です|だ|の対応|な対応|ですね|!|。|$)|ひどい|酷い|ひどすぎ|酷すぎ|許せな|許せませ|"
    r"許しませ|信じられな|信じられませ|ありえな|有り得な|あり得な|ありえませ|あり得ませ|ふざけ|馬鹿にし|ばかにし|"
    r"いい加減にし|(?<!少々)(?<!を)怒って|怒り|腹が立|腹立たし|頭にき|憤り|憤慨|不愉快|不快|不満|不誠実|"
    r"(?:もう|今後)?二度と(?!ない|起こ|起き|無い)|もう(?:買い|買わ|利用し|頼み|頼ま)ませ|もう(?:買わ|頼ま|利用し)な|"
    r"何度(?:も|言|お|連絡|問い合わせ|メール).{0,14}(?:のに|返事が|返信が|回答が)|詐欺|訴え|消費者センター|消費生活センター|"
    r"消費者庁|弁護士|低評価|レビューに書|誠意|納得(?:でき|がいき|いき|がい)|対応が悪|"
    r"disappoint|unacceptable|terrible|awful|worst|angry|furious|outrag|ridiculous|never (?:again|buy|order)|scam|"
    r"frustrat|disgust|fed up|lawyer"
)
_WORRIED = (
    r"不安|心配|気がかり|気掛かり|大丈夫(?:でしょうか|ですか|なのでしょうか|か[?。])|困って|困り|困った|こまって|どうしたら|"
    r"どうすれば|本当に届|間に合(?:う|い|わ).{0,10}(?:か[?。]|でしょうか|ですか|心配|不安)|間に合わな|"
    r"急いで(?:い|お|ほし|欲し|く)|至急|焦って|届くのか|戸惑|とまど|"
    r"worried|worry|anxious|concern(?:ed|s me)|afraid|nervous|urgent|desperate|is (?:it|this|everything) ok"
)
_HAPPY = (
    r"嬉し|うれし|感激|感動|大満足|満足して|気に入って|気に入りま|最高です|素敵な|すてきな|素晴らし|すばらし|"
    r"大変助かり|とても助かり|love (?:it|this|the)|delighted|wonderful|very happy|so happy"
)
# What turns a word round, standing right behind it.
_NOT = (
    r"(?!.{0,3}(?:ない|なく|いりませ|いらな|無用|ありませ|には及び|はしてい?ませ|が解消|がなくな|が無くな|"
    r"なさらず|せず))"
)

_TABLE = tuple(
    (mood, re.compile(rf"(?:{words}){refused}", re.IGNORECASE | re.MULTILINE))
    for mood, words, refused in ((_Mood.UPSET, _UPSET, ""), (_Mood.WORRIED, _WORRIED, _NOT), (_Mood.HAPPY, _HAPPY, ""))
)
_NO_WORRY = re.compile(r"(?:not|n't|no) (?:\w+ )?(?:worr|angry|concern|upset|disappoint)\w*", re.IGNORECASE)
_NO_COMPLAINT = re.compile(r"(?:不満|不快|不愉快|怒り|怒って).{0,10}(?:ない|なく|ありませ|いませ|いるわけでは)")
_QUOTED = re.compile(r"^[>＞|].*$", re.MULTILINE)
_READ = 4000


def guess(text: str) -> str:
    """The strongest mood that the words show: upset before worried before pleased; "" where nothing shows."""
    plain = _QUOTED.sub("", unicodedata.normalize("NFKC", text[:_READ]))
    plain = _NO_COMPLAINT.sub("", _NO_WORRY.sub("", plain))
    return next((mood.value for mood, words in _TABLE if words.search(plain)), "")


_WEIGHT = {_Mood.NONE: 0, _Mood.HAPPY: 0, _Mood.WORRIED: 1, _Mood.UPSET: 2}


def after(mood: str, words: str) -> str:
    """The mood after the customer wrote again: it may get worse by words; better it gets by staff, or from nothing."""
    heard = guess(words)
    if not heard or (mood and _WEIGHT[_Mood(heard)] <= _WEIGHT[_Mood(mood)]):
        return mood
    return heard

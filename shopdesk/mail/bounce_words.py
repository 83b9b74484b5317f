"""The words by which returned mail is known, and the ways in which it names who did not get it."""

import re

SUBJECT = re.compile(
    r"undeliver|non[- ]?deliver|not deliver|delivery[ _-]?(?:status|failure|failed|error|problem|report"
    r"|notification|has failed|warning)|"
    r"deliver\w*\s+(?:fail|delay)|fail\w*\s+(?:notice|deliver|to deliver|permanently)|failure\s*notice"
    r"|returned\s+(?:mail|to sender|message|e-?mail)|"
    r"return\s+receipt.*fail|mail(?:er)?\s+(?:delivery|system|status)\s*(?:fail|error|report|problem|warning"
    r"|sub|notification)?|"
    r"could\s?(?:n't| not)\s+(?:be\s+)?(?:deliver|sen[dt])|can(?:no|')t\s+(?:be\s+)?deliver|unable to deliver|"
    r"(?:mail|message|e-?mail)\s+(?:rejected|refused|bounced|returned|blocked)|bounced? mail|user unknown"
    r"|unknown user|unknown (?:address|recipient)|(?:mailbox|quota)\s+(?:is\s+)?(?:full|exceed)|"
    r"automatically rejected|delayed mail|message delayed|\bndn\b|\bdsn\b|warning: (?:could not|message)"
    r"|message status|nondeliverable|mail fail(?:ed|ure)|(?:message|mail)[^\n]{0,30} blocked by|"
    r"配信(?:不能|不可|でき|に失敗|エラー|失敗|状況)|配達(?:でき|不能|エラー)|送信(?:エラー|失敗|でき)|不達"
    r"|配送(?:不能|でき|エラー)|退信|无法投递|未能送达|전송되지|エラーメール|宛先不明|メール(?:を)?(?:配信|送信)でき|返送|届け(?:られ|でき)|届きません|"
    r"unzustellbar|zustellung|non remis|échec|no se (?:ha )?(?:puede|pudo)|retourné|utilisateur non"
    r"|não (?:foi )?entregue|недоставл|не доставлено",
    re.IGNORECASE,
)
WORDS = re.compile(
    r"(?:could|can|was|has|have|were|is|are|did|does)\s*(?:not|n't|nnot)\s+(?:be\s+|been\s+"
    r"|yet\s+been\s+)*(?:deliver|sent|reach|accept|receive|complet|exist|relay)|undeliver|"
    r"delivery\s+(?:to|of|for|has|was|attempt|failed|fail|status|error)|d[ei]l[ei]v[ei]r\w*[^.\n]{0,60}fail"
    r"|fail\w*[^.\n]{0,60}deliver|permanent\w*\s+(?:fatal\s+)?(?:error|fail)|(?:had|with) (?:\w+ )?(?:fatal"
    r"|delivery) errors|(?:was|were)?(?:n't| not) able to deliver|"
    r"user\s+unknown|unknown\s+(?:user|or illegal|recipient|address|local)|(?:user|mailbox|address|recipient"
    r"|account)\b[^.\n]{0,40}\b(?:not found|unavailable|unknown|rejected|does\s?n(?:o|'|’)t|disabled|full"
    r"|over quota|invalid|refused|not exist)|"
    r"(?:message|mail) not delivered|not a (?:valid|known) (?:user|recipient|mailbox|address|account)\b|"
    r"no such (?:user|recipient|mailbox|address|person)|no mailbox|unable to (?:deliver|send|reach|relay)"
    r"|return(?:ed|ing)\s+(?:message|mail|to\s+sender|your|unsent)|"
    r"(?:automatically|been)\s+rejected|rejected (?:by|your|the)|(?:mail|message) (?:was"
    r"|has been) (?:rejected|refused|blocked|returned|delayed|postponed)|postponed|"
    r"(?:message|mail) (?:that )?you (?:have )?sent (?:was|has been) (?:rejected|refused|blocked)"
    r"|not (?:yet )?been delivered|no valid recipients|unknown host|invalid mailbox|"
    r"\b5\d\d[ -]5\.\d\.\d|\b[45]\d\d[ -]|over\s*quota|quota exceeded|mailbox (?:is )?full|bounced?\b|"
    r"配信(?:でき|不能|されません|に失敗|エラー)|配達(?:でき|されま)|送信(?:でき|エラー|失敗|に失敗)"
    r"|届(?:けられ|きません|けできま|かな)|お届けでき|見つかりません|存在しません|宛先不明|受信(?:でき"
    r"|を拒否)|エラーが(?:発生|検出)|"
    r"配送できま|送れませんでした|該当する(?:ユーザ|アドレス)|退回|未能发送|不存在|전송하지 못|"
    r"不达|退信|nicht zugestellt|konnte nicht|non remis|n'a pas pu|n'existe pas|доставлен|no ha podido"
    r"|no (?:se )?pudo|não (?:foi|pôde)",
    re.IGNORECASE,
)
COPY = re.compile(
    r"^[ \t]*(?:"
    r"-{2,}\s*(?:the\s+)?(?:original|returned|forwarded|undelivered|unsent|header|below|this is a copy|copy"
    r"|message header|included|mail header|transcript of message|begin|attached|full|text of)[^\n]*"
    r"|(?:the\s+)?(?:original|unsent|returned|first \d+ lines of your)\s+(?:message|mail"
    r"|headers?)[^\n]{0,30}(?:follow|below|:)[^\n]*|your (?:original )?message (?:follows|was|reads)[^\n]*"
    r"|message (?:text|header)s? (?:follows?|below)[^\n]*|(?:below|following)[^\n]{0,30}(?:is a copy"
    r"|original)[^\n]*|\*+\s*message (?:text|header)[^\n]*"
    r"|received:\s+(?:from|by)[^\n]*|return-path:[^\n]*|message-id:\s*<[^\n]*|mime-version:[^\n]*"
    r"|-{5,}\s*元のメ[^\n]*|元のメッセージ[^\n]*"
    r")$",
    re.IGNORECASE | re.MULTILINE,
)
LOCAL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
ADDR = rf"(?:\"[^\"\s@]{{1,64}}\"|{LOCAL})@[A-Za-z0-9](?:[A-Za-z0-9.-]{{0,200}}[A-Za-z0-9])?"
FIND = re.compile(rf"(?<![A-Za-z0-9.@]){ADDR}")
# The address in brackets is the one that the letter went to; before it stands where it was passed on to.
EXPANDED = re.compile(rf"(?<![A-Za-z0-9.@])({ADDR})[>\s]{{0,8}}\(expanded from:?\s{{0,4}}<?({ADDR})", re.IGNORECASE)
# Words of returned mail that nobody uses for a parcel.
OF_MAIL = re.compile(
    r"undeliver(?:ed|able) m(?:ail|essage)|returned (?:e-?)?mail|failure notice|delivery status notification"
    r"|mail system error|mail delivery (?:fail|error|problem)|エラーメール|配信(?:不能|エラー)",
    re.IGNORECASE,
)
PASSED_ON = re.compile(r"\s*(?:re|fw|fwd|aw|wg|tr|rv|返信|転送|回复|转发)\s*[:：]", re.IGNORECASE)
GATEWAY = re.compile(
    r"message from interscan|the following (?:mail|message|recipients?|address(?:es)?)\b[^\n]{0,40}"
    r"(?:could not|were not|failed)|automatically (?:generated|created)"
    r"|this is the [^\n]{0,40}(?:program|mail system|mail server)",
    re.IGNORECASE,
)
# The address that failed, from the surest way of writing it to the least sure. The first way that finds any is taken.
WAYS = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        # postfix, qmail, yahoo: <a@b>: why
        rf"^[ \t]*<?({ADDR})>?[ \t]*(?:\((?:expanded|\.\.\.)[^\n)]*\)?)?:(?=\s)",
        # sendmail: 550 5.1.1 <a@b>... User unknown
        rf"^[ \t]*\d\d\d[ -](?:\d\.\d\.\d\s+)?<?({ADDR})>?\.\.\.",
        # RCPT TO in a transcript with a refusal behind it
        rf"RCPT TO:\s*<({ADDR})>[^\n]*\n[^\n]{{0,40}}\b[45]\d\d[ -]",
        # alone in its line, in brackets, quoted, behind a bullet, or with a colon
        (
            rf"^[ \t]*(?:[*•+>]|-{{1,2}}|\d+\.)?[ \t]*[\"'<\[(]?({ADDR})[\"'>\])]?[ \t]*(?::|,|;|\.\.\.[^\n]*"
            rf"|\([^\n]*\)|\[[^\n]*\]|on [\w/]{{3}}[^\n]*)?[ \t]*$"
        ),
        # behind a word that names it
        (
            rf"(?:recipient|address|user|mailbox|account|to|for|rcpt to|attempts|宛先|アドレス"
            rf"|受信者|收件人)[^\n@]{{0,30}}?[\s:<\"'(\[（]({ADDR})"
        ),
        (
            rf"({ADDR})[^\n]{{0,60}}(?:unknown|no such|not found|fail|reject|full|quota|does|exist|undeliver"
            rf"|unavailable|宛|へのメール|は存在|にメール|の受信|님)"
        ),
        rf"<({ADDR})>",
    )
)


# A list of people of the reporter's own domain, by their local names alone.
LISTED = re.compile(
    r"(?:following (?:recipient|address|user|people|person)\w*[^\n]{0,200}"
    r"|(?:delivered|sent) to the following)[^\n]{0,60}:"
    r"[ \t]*(?=\n)",
    re.IGNORECASE,
)
LISTED_NAME = re.compile(r"[ \t]+([A-Za-z0-9][A-Za-z0-9._+-]{1,63})(?:[ \t]{2,}[^\n]*)?[ \t]*")
FOREIGN = re.compile(rf"(?<![A-Za-z0-9.@])({ADDR})")

# A report without a machine part: still on its way.
STILL = re.compile(
    r"not yet been delivered|\(delay\)|will retry for"
    r"|will (?:be retried|keep trying|continue to (?:be )?(?:try|retried))|attempts will continue"
    r"|no action is required|do(?: not|n't) need to re-?send|\bmessage\b[^\n]{0,40} delayed|this is (?:only )?a warning"
    r"|再(?:送|試行|配送)を(?:試|続|行い)|配信が遅れ",
    re.IGNORECASE,
)
FINAL = re.compile(r"\(failure\)|returned|failed permanently|配信されませんでした|返送", re.IGNORECASE)
GIVEN_UP = re.compile(
    r"g[ia]v(?:e|en|ing) up|permanent (?:error|fatal|fail)|failed permanent"
    r"|will not be (?:retried|sent)|not going to try",
    re.IGNORECASE,
)

AFTER_DATA = re.compile(
    (
        r"(?:end of|reply to|after|to) (?:the )?DATA\b|>>> DATA|sending message body|in response to DATA"
        r"|RCPT.{0,400}>>> DATA"
    ),
    re.IGNORECASE,
)

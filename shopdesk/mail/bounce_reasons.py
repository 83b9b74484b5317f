"""Why mail came back: a code from the server's words, from its status where the words say nothing."""

import re

# Code -> what it means. Only the codes of HARD say that the address itself is dead.
REASONS = {
    "user_unknown": "there is no such person at the domain",
    "host_unknown": "there is no such domain, or no mail server for it",
    "moved": "the person has moved to another address",
    "mailbox_full": "the mailbox is full",
    "suspended": "the mailbox is switched off for now",
    "filtered": "the recipient's own rules refused it",
    "sender_refused": "our address as sender was refused",
    "blocked": "our server or its IP address is blocked",
    "reputation": "our server has a bad reputation there",
    "reverse_dns": "our server's IP address has no fitting name",
    "authentication": "SPF, DKIM or DMARC did not fit",
    "spam": "the content was taken for spam",
    "virus": "the content was taken for a virus",
    "policy": "a policy of the recipient's organisation refused it",
    "security": "a rule of security or sign-in refused it",
    "not_compliant": "the letter does not follow the standards",
    "relaying": "the server does not pass mail on for others",
    "too_big": "the letter is too large",
    "too_many": "too many letters, recipients or connections at once",
    "content": "a header or the form of the content was refused",
    "expired": "it could not be delivered in time",
    "network": "the servers could not reach each other",
    "system": "the recipient's system has an error",
    "system_full": "the recipient's system has no space",
    "mailer": "a program behind the address failed",
    "no_mail": "the host takes no mail",
    "on_hold": "the reason was not told; it is being looked at",
    "syntax": "the servers did not understand each other",
    "delivered": "it was delivered or passed on after all",
    "complaint": "the recipient called it spam",
    "not_spam": "the recipient called it not spam",
    "auth_report": "a report about SPF, DKIM or DMARC",
    "undefined": "no known words",
}
# The only reasons for which an address may be stopped.
HARD = frozenset({"user_unknown", "host_unknown", "moved"})

_TABLE: tuple[tuple[str, str], ...] = (
    # Exchange Online, for an address that it does not have.
    ("user_unknown", r"unknown recipient or mailbox unavailable|5\.4\.1 recipient address rejected: access denied"),
    (
        "moved",
        (
            r"has moved|no longer (?:with|works|employed)|(?:address|user|recipient) (?:has )?(?:been )?changed"
            r"|forwarding address|has left the|address change|has been replaced by"
        ),
    ),
    ("mailer", r"command (?:died|failed|exited|output)|unknown mailer error|x-unix"),
    ("virus", r"virus|malware|infected|worm detected|trojan|ウイルス"),
    (
        "reverse_dns",
        (
            r"reverse (?:dns|lookup|map)|\bPTR\b|\brdns\b|no ptr|client host name|cannot find your (?:reverse )?host"
            r"|cannot resolve your|fix reverse|does not have a valid (?:reverse|dns)|unresolvable relay"
            r"|IP address without|missing or invalid reverse|逆引き"
        ),
    ),
    (
        "authentication",
        (
            r"\bdmarc\b|\bdkim\b|\bspf\b|sender policy framework|sender id|authentication (?:checks?"
            r"|results?) (?:failed|fail)|unauthenticated (?:email|mail)|not pass authentication"
            r"|message does not pass|not authorized to send|domain of .{0,80} does not designate"
        ),
    ),
    (
        "mailbox_full",
        (
            r"mail(?:box|folder| box| folder)?(?: is| was| has|'s)? ?(?:currently )?(?:full|exceed|over)|over ?quota"
            r"|over (?:the )?(?:maximum|disk|storage|allotted|its)|quota (?:exceeded|violation|limit|full)"
            r"|exceed\w* (?:\w+ ){0,4}(?:quota|storage|mailbox|allocation)|insufficient (?:disk|mailbox) ?(?:space"
            r"|storage)|disk quota|(?:mailbox|user|account|recipient|maildir|inbox|storage)[^.\n]{0,40}(?:full|over"
            r"|quota|exceeded|out of space|delivery limit)|out of storage|not enough (?:storage|disk|space)"
            r"|too much mail|too many messages on"
            r"|容量|一杯|いっぱい|boîte.{0,30}pleine|pleine|voll\b|storage limit|message store is full"
            r"|receiving mail at a rate"
        ),
    ),
    (
        "too_big",
        (
            r"(?:message|mail|size|content)[^.\n]{0,30}(?:too (?:large|big|long)|exceeds? (?:fixed |the |a "
            r"|maximum )*(?:max|size|limit|file))|exceed\w* (?:\w+ ){0,3}(?:message )?size|larger than"
            r"|maximum (?:message )?size|max message size|size limit|サイズ(?:が|制限|超)|file size"
        ),
    ),
    (
        "host_unknown",
        (
            r"(?:host|domain)(?: name)?(?: is)?(?: was)? (?:unknown|not found|lookup|does ?n(?:o|')t exist"
            r"|non-existent)|unknown (?:host|domain|server)|(?:no such|non[- ]?existent|unrouteable|unroutable"
            r"|invalid|illegal|bad|unknown) (?:host|domain)|name (?:service|server) (?:error|fail)"
            r"|host or domain name not found|domain .{0,80}(?:does ?n(?:o|')t exist|not found|invalid|not exist"
            r"|no longer)|could ?(?:n't|not) (?:find|be found)[^.\n]{0,40}(?:domain|host|exchanger)|nxdomain"
            r"|no (?:mx|mail exchanger|dns)"
            r"|name or service not known|all relevant mx records|address lookup failure|illegal host/domain"
            r"|recipient address has no|recipient domain|misformatted domain|ドメイン(?:が|は)[^。\n]{0,20}(?:存在"
            r"|見つ)|DNS Error|get hostname|mail exchanger|Unrouteable address"
        ),
    ),
    (
        "no_mail",
        (
            r"does ?n(?:o|')t accept (?:any )?(?:mail|email)|null ?mx|no mail (?:is )?accepted"
            r"|host/domain does not accept|smtp protocol returned a permanent error|not accepting mail"
            r"|does not receive mail|name server: \.: host not found|\b521\b|\b556\b"
        ),
    ),
    (
        "suspended",
        (
            r"service (?:is )?(?:suspended|disabled)"
            r"|(?:mailbox|account|user|recipient|address|mail)[^.\n]{0,60}(?:suspend|disabled|disable"
            r"|inactive|deactivat|discontinu|frozen|locked|temporarily (?:unavailable|locked)|not active"
            r"|not available|currently unavailable|expired|been closed|is barred|unavailable)|inactive (?:user"
            r"|account|on)|(?:disabled|suspended|inactive|dormant|locked) (?:mailbox|user|account|recipient)"
            r"|temporarily disabled|(?:invalid/)?inactive|停止|休止|vacation mode|closed due to inactivity"
            r"|archived recipient|deactivated mailbox|domain (?:is )?not allowed|boite du destinataire archivee"
        ),
    ),
    (
        "user_unknown",
        (
            r"user (?:account )?(?:is )?(?:unknown|not (?:found|exist|known)|does ?n(?:o|'|’)t|invalid|not listed"
            r"|unavailable|not local)|unknown(?:[ -]+or[ -]+illegal)? (?:user|recipient|address|local|alias|account"
            r"|mailbox|e-?mail|account name)|unknown:? |no such (?:user|recipient|mailbox|address|person|account"
            r"|local|alias|id|e-?mail|customer|box|virtual|domain user|folder)|no (?:mailbox|account|user|recipient"
            r"|valid recipients?|record|one)[^.\n]{0,20}(?:here|found|by that|with that|currently|listed|matching"
            r"|for)|(?:recipient|address|addressee|mailbox|account|e-?mail|mail ?drop|directory|id|the name|maildrop"
            r"|username|email address|alias|person|receiver)[^.\n]{0,60}(?:unknown|not (?:be )?(?:found|exist|known"
            r"|recogni[sz]ed|listed|valid|present|available)|does ?n(?:o|'|’)t|invalid|undeliverable|not a valid"
            r"|rejected: undeliverable|unrecogni[sz]ed|is a nonexistent|no longer (?:available|valid|active|exist"
            r"|accept|on server)|could ?n(?:o|'|’)t be found|incorrect)|(?:invalid|bad|illegal|nonexistent"
            r"|non-existent|unrouteable|undeliverable|unrecogni[sz]ed|unavailable|incorrect|wrong) (?:recipient"
            r"|address|mailbox|user|account|destination|e-?mail|alias|local)|not our customer|not a (?:known|valid"
            r"|gatewayed|user)|does ?n(?:o|'|’)t (?:exist|have an?|like|match)|isn't in my|is not (?:a known|known"
            r"|on|recogni[sz]ed)|vpopmail|can't (?:create|open) mailbox|RecipNotFound|RecipientNotFound|ResolverADR"
            r"|NoSuchUser|BAD_RECIPIENT|no mail ?box (?:available )?for this"
            r"|ADR\.RecipNotFound|RCPT TO generated|宛先(?:不明|の|が)|(?:アドレス|ユーザー?|宛先"
            r"|メールボックス)[^。\n]{0,40}(?:存在|見つ|ありません|不明|誤)|destinataire inconnu|utilisateur inconnu"
            r"|n'existe pas|not found in directory|recipient name is not|Addressee unknown|user reject|5\.1\.1\b"
            r"|#5\.1\.1|not listed in|final delivery userid|was ?n(?:o|'|’)t found"
            r"|該当する(?:ユーザ|アドレス)|Empfänger|He/Her is not|delivery error: dd|not known here"
        ),
    ),
    (
        "relaying",
        (
            r"relay(?:ing)?[^.\n]{0,20}(?:denied|not (?:permitted|allowed)|prohibited|is prohibited)|(?:unable"
            r"|not (?:allowed|permitted)|refuse|denied|will not|we do not) to? ?relay|not local host|no relaying"
            r"|open relay|that domain isn't in my list|is not a gateway"
            r"|mail server .{0,60} requires authentication when attempting|insecure mail relay|rcpthosts"
        ),
    ),
    (
        "spam",
        (
            r"\bspam\b|\bbulk mail\b|unsolicited|\bUBE\b|\bUCE\b|junk ?mail"
            r"|message (?:content )?(?:was )?(?:rejected|refused|detected|identified) (?:as|due to|for) |bayes"
            r"|looks? like spam|blacklisted url|spamassassin|迷惑メール|content filter|considered spam"
            r"|rejected due to content|suspicious"
        ),
    ),
    ("reputation", r"reputation|poor sender|senderbase|sender ?score|low reputation|bad reputation|bad sending"),
    (
        "too_many",
        (
            r"too many (?:connection|recipient|message|mail|session|smtp|error|invalid|hops|concurrent|login)"
            r"|rate[- ]?limit|throttl|too (?:fast|frequent|quickly|much)|(?:exceed|reach)\w* (?:\w+ ){0,5}(?:rate"
            r"|limit|connections|sending|messages)|slow down|limit (?:exceeded|reached)|connection (?:rate|limit)"
            r"|unusual rate|more than \d+ (?:recipient|message)|try again later, closing"
            r"|deferred due to .{0,30}volume|4\.7\.28"
        ),
    ),
    (
        "blocked",
        (
            r"\bblock|black ?list|\brbl\b|\bdnsbl\b|spamhaus|spamcop|barracuda|sorbs|proofpoint|cloudmark|banned"
            r"|denied by|access (?:denied|from)|(?:client|host|ip|connection|server)[^.\n]{0,40}(?:reject|refused by"
            r"|denied|not allowed|not accepted|listed|bl)|\bhelo\b|\behlo\b|bad sender ip|not authorized ip"
            r"|connection (?:dropped|refused|reset|rejected) |your ip|dynamic (?:ip|address|host)|command rejected"
            r"|dialup|no access from|go away|Domain of sender|(?:open|generic) (?:proxy|rdns)|\b5\.7\.60[0-9]"
            r"|\b553 5\.3\.0 flpd|5\.7\.51[0-9]|Please use .{0,30}smtp server"
        ),
    ),
    (
        "sender_refused",
        (
            r"sender[^.\n]{0,60}(?:reject|refused|denied|invalid|unknown|not (?:exist|accepted|valid|found|allowed"
            r"|permitted)|verify|blocked|is not|listed|unable)|(?:invalid|bad|reject\w*|unknown|unable to verify"
            r"|illegal) (?:sender|from|envelope)|mail from[^.\n]{0,40}(?:reject|denied|invalid|not|refused)"
            r"|return path|from address|address (?:rejected|sender)|backscatter|domain does not exist: "
            r"|not allowed to (?:send|post)|cannot receive from|you are not|送信者|null sender|empty envelope"
            r"|does not accept (?:mail|bounces) (?:from|for)|bounces? (?:are )?not"
        ),
    ),
    (
        "filtered",
        (
            r"filter|because the recipient|user (?:is )?(?:refus|reject|not accept)|recipient[^.\n]{0,40}(?:reject"
            r"|refuse|not accept|denied)|(?:rejected|refused) by (?:the )?(?:recipient|user)|domain specified"
            r"|permanent failure for one or more|not accepting (?:mail|messages)|account is protected"
            r"|due to extended inactivity|message (?:rejected|filtered|refused)|resolver\.rst|RESTRICT"
            r"|RST\.(?:NotAuth|RecipSize)|受信(?:を)?拒否|指定受信|ドメイン指定|5\.7\.1\b.{0,60}recipient"
            r"|transaction failed|Administrative prohibition|permission|550 5\.2\.1|this user doesn't (?:want"
            r"|accept)|user-defined"
        ),
    ),
    (
        "policy",
        (
            r"polic(?:y|ies)|not (?:permitted|allowed)|prohibited|closed at this time|administrat(?:ive|or)"
            r"|message refused|forbidden|delivery not authori[sz]ed|unacceptable|by local|denied|protected by|拒否"
        ),
    ),
    (
        "security",
        (
            r"security|auth(?:entication)? (?:failed|required|error|credential)|must (?:issue|log|auth|use)|\bTLS\b"
            r"|\bSSL\b|certificate|encrypt|unauthori[sz]ed|sasl|login|credential|executable|attachment"
        ),
    ),
    (
        "not_compliant",
        (
            r"rfc ?\d{3,4}|rfc[- ]compliant|not compliant|\bRFC\b|duplicate header|missing (?:header|from|message-id"
            r"|date|subject)|invalid header"
        ),
    ),
    (
        "expired",
        (
            r"(?:deliver|message|retry|queue|attempt)[^.\n]{0,60}(?:time[- ]?out|timed? out|expired|too long"
            r"|exceeded|giv(?:e|en|ing) up|not been (?:collected|delivered)|has been delayed|delayed)"
            r"|could not be delivered for|not (?:yet )?(?:been )?delivered (?:after|within|for|in)"
            r"|will (?:be retried|keep trying|continue|attempt)|still (?:trying|being|queue|in the)"
            r"|warning: (?:could|message)|timed? out|timeout|unable to deliver[^.\n]{0,60}(?:days|hours|time)"
            r"|delivery attempts|failed \d+ attempts|waiting for|connection (?:timed|expired)|retry|delay|temporar"
            r"|deferred|not going to try|4\.4\.[17]|\b4\.4\.|period|not responding|postponed|遅延|期限"
        ),
    ),
    (
        "network",
        (
            r"(?:network|connect|connection|host|route|socket|dns|tcp|link|server|smtp)[^.\n]{0,40}(?:error|fail"
            r"|refused|unreachable|lost|closed|reset|unavailable|not reach|could not|down|is not)|no route|loop"
            r"|unable to (?:connect|establish|contact|route|resolve)|5\.4\.|could not connect|hop count"
            r"|too many hops|lookup|bad dns"
        ),
    ),
    (
        "system_full",
        (
            r"(?:system|file ?system|disk|server|device)[^.\n]{0,20}(?:full|out of|space|storage)"
            r"|insufficient system|no space left|mail system full|4\.3\.1|システム(?:が|の).{0,10}(?:容量|一杯)"
        ),
    ),
    (
        "mailer",
        (
            r"command (?:failed|died|returned|line|output)|exit (?:code|status)|pipe|procmail|x-unix|local delivery"
            r"|unknown mailer error|Service unavailable|service unavailable|can(?:no|')t (?:open|exec|create)|exited"
            r"|program|I/O error|lmtp|\.forward|maildrop"
        ),
    ),
    (
        "content",
        (
            r"content|(?:message|mail) (?:format|header|body)|mime|charset|header|improper|malformed|bare (?:lf"
            r"|newline)|subject"
        ),
    ),
    (
        "system",
        (
            r"(?:system|server|internal|local|config\w*|software|unknown|interna)[^.\n]{0,30}(?:error|problem|fail"
            r"|bug|config)|4\.3\.|5\.3\.|out of memory|internal|cannot (?:send|process)|エラー|error in processing"
            r"|unexpected|configured|listening"
        ),
    ),
    (
        "syntax",
        (
            r"syntax|command (?:unrecogni[sz]ed|not (?:implemented|recogni[sz]ed)|rejected)|unrecogni[sz]ed"
            r"|bad sequence|\b50[0-4]\b|5\.5\.[124]|protocol"
        ),
    ),
)
_RULES = tuple((code, re.compile(pattern, re.IGNORECASE)) for code, pattern in _TABLE)
# RFC 3463, as used in practice. Read where the words are silent.
_STATUS = {
    "1.1": "user_unknown", "1.2": "host_unknown", "1.3": "user_unknown", "1.4": "filtered", "1.6": "moved",
    "1.7": "sender_refused", "1.8": "sender_refused", "1.9": "system", "1.10": "no_mail", "2.0": "filtered",
    "2.1": "suspended", "2.2": "mailbox_full", "2.3": "too_big", "2.4": "filtered", "3.0": "system",
    "3.1": "system_full", "3.2": "no_mail", "3.3": "system", "3.4": "too_big", "3.5": "system", "4.1": "expired",
    "4.2": "network", "4.3": "system", "4.4": "host_unknown", "4.5": "system", "4.6": "network", "4.7": "expired",
    "4.0": "network", "5.0": "syntax", "5.1": "syntax", "5.2": "syntax", "5.3": "too_many", "5.4": "syntax",
    "6.0": "content", "6.1": "content", "6.3": "content", "7.0": "security", "7.1": "policy", "7.2": "filtered",
    "7.7": "authentication", "7.8": "security", "7.9": "security", "7.13": "suspended", "7.17": "moved",
    "7.20": "authentication", "7.23": "authentication", "7.25": "reverse_dns", "7.26": "authentication",
}  # fmt: skip
# A status that says more than the words usually do.
_SURE = {
    "1.1": "user_unknown",
    "1.6": "moved",
    "2.2": "mailbox_full",
    "1.10": "no_mail",
    "7.25": "reverse_dns",
    "1.8": "sender_refused",
    "1.2": "host_unknown",
}


def _by_words(words: str) -> str:
    return next((code for code, rule in _RULES if rule.search(words)), "")


def reason_of(diagnostic: str, status: str, near: str, everything: str) -> str:
    """A code of ``REASONS``: from the recipient's own diagnostic, then its status, then the words around, then all."""
    detail = status.partition(".")[2]
    words = re.sub(r"\S+@\S+", " ", diagnostic)[:2000]
    bare = re.sub(
        r"^(?:smtp|x-\S+|dns)\s*;|\b[245]\d\d\b|\b[245]\.\d{1,3}\.\d{1,3}\b|[\W_]+", " ", words, flags=re.IGNORECASE
    ).strip()
    said = _by_words(words) if len(bare) > 3 else ""
    if detail in _SURE and (
        not said
        or said in ("policy", "system", "content", "network", "security", "syntax", "mailer", "expired", "filtered")
    ):
        return _SURE[detail]
    if said:
        return said
    if detail in _STATUS and not status.endswith(".0.0"):
        return _STATUS[detail]
    for words in (near, everything):
        found = _by_words(re.sub(r"\S+@\S+", " ", words))
        if found:
            return found
    return "undefined"

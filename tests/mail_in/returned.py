"""Reports of returned mail as servers in the world write them, of our own making after the known forms: a table.

Each row: (name, raw mail, addresses that failed, the strength that all of them must have or None).
"""

H = "hanako@example.jp"
COPY = (
    "Return-Path: <desk@shop.example>\nReceived: from mail.shop.example by x with ESMTP\n"
    "Message-ID: <ours@mail.shop.example>\nFrom: desk@shop.example\nTo: hanako@example.jp\nSubject: hello\n\nhello body\n"
)
JA = "Content-Type: text/plain; charset=UTF-8\n"
ROWS = []


def case(name, sender, subject, body, want, strength=None, headers="", rp="<>"):
    path = f"Return-Path: {rp}\n" if rp else ""
    raw = f"{path}From: {sender}\nTo: desk@shop.example\nSubject: {subject}\n{headers}Date: Sun, 22 Nov 2026 10:00:00 +0900\n\n{body}"
    ROWS.append((name, raw.encode(), want, strength))


def dsn(
    name,
    fields,
    want,
    strength=None,
    sender="Mail Delivery System <MAILER-DAEMON@x.example>",
    subject="Undelivered Mail Returned to Sender",
    ctype="multipart/report; report-type=delivery-status; boundary=r",
    human="sorry",
    status="message/delivery-status",
):
    body = f"--r\n\n{human}\n--r\nContent-Type: {status}\n\nReporting-MTA: dns; x.example\n\n{fields}\n\n--r\nContent-Type: message/rfc822\n\n{COPY}\n--r--\n"
    case(name, sender, subject, body, want, strength, headers=f"MIME-Version: 1.0\nContent-Type: {ctype}\n")


case(
    "sdm",
    "Mailer-Daemon@sdm.de",
    "Returned mail",
    "here is your list of failed recipients\n\n<hanako@example.jp>\n  No such user\n\nhere is your returned mail\n\n"
    + COPY,
    [H],
)
case(
    "robanal",
    "postmaster@demon.example",
    "Mail delivery failed",
    "This message was created automatically by mail delivery software (Demon).\n\nA message that you sent could not be delivered.\n  RCPT TO: <hanako@example.jp>\n  550 unknown\n\nOriginal message follows\n\n"
    + COPY,
    [H],
)
case(
    "interscan",
    "viruswall@x.example",
    "Undeliverable mail",
    "*** Message from InterScan E-Mail VirusWall NT ***\n\n ** Unable to deliver the message.\n RCPT TO: <hanako@example.jp>\n 550 5.1.1 unknown\n\n*** End of message ***\n",
    [H],
)
case(
    "smail",
    "Mailer-Daemon@smail.example",
    "mail failed, returning to sender",
    "|------------------------- Message log follows: -------------------------|\n no valid recipients were found for this message\n|------------------------- Failed addresses follow: ---------------------|\n <hanako@example.jp> ... unknown host\n|------------------------- Message text follows: ------------------------|\n"
    + COPY,
    [H],
)
case(
    "newmail",
    "Mailer-Daemon@newmail.ru",
    "failure notice",
    "This is the machine generated message from mail service.\n\nUnable to deliver message to the following address(es).\n\n<hanako@example.jp>:\nno such user\n\n--- Below the next line is a copy of the message.\n\n"
    + COPY,
    [H],
)
case(
    "mdaemon",
    "MDaemon@x.example",
    "Permanent Delivery Failure",
    "The attached message had PERMANENT fatal delivery errors!\n\nAfter one or more unsuccessful delivery attempts the attached message has\nbeen removed from the mail queue on this server.\n\nFAILED ADDRESS\n> hanako@example.jp\n\n--- Session Transcript ---\n Attempting SMTP connection to [10.0.0.1 : 25]\n --> RCPT To:<hanako@example.jp>\n <-- 550 unknown\n--- End Transcript ---\n: Message contains [1] file attachments\n",
    [H],
)
case(
    "usa.net",
    "postmaster@usa.net",
    "Mail delivery failed",
    "\nIntended recipient:   hanako@example.jp\n\nThe recipient mailbox does not exist.\n\n--------RETURNED MAIL FOLLOWS--------\n"
    + COPY,
    [H],
)
case(
    "hotpop",
    "postmaster@hotpop.com",
    "Undeliverable message",
    "Undeliverable Address: hanako@example.jp\nReason: over limit\n\nOriginal message attached.\n",
    [H],
)
case(
    "demon2",
    "Mailer-Daemon@demon.example",
    "Mail failure",
    "This message was created automatically by mail delivery software.\n\nA message addressed to 'hanako@example.jp' could not be delivered: no such user.\n\n---- START OF RETURNED MESSAGE ----\n"
    + COPY,
    [H],
)
case(
    "prodigy",
    "MAILER-DAEMON@prodigy.net",
    "Unable to deliver mail.",
    "User's mailbox is full: <hanako@example.jp>\nUnable to deliver mail.\n",
    [H],
    "soft",
)
case(
    "smtpsvc",
    "postmaster@x.example",
    "Nondeliverable mail",
    "The email below could not be delivered to the following user:\n\n<hanako@example.jp>\n\nOld message:\n" + COPY,
    [H],
)
case(
    "yahoo-sbc",
    "MAILER-DAEMON@sbcglobal.net",
    "failure notice",
    "Message from sbcglobal.net.\nUnable to deliver message to the following address(es).\n\n<hanako@example.jp>:\n10.0.0.1 does not like recipient.\nRemote host said: 550 5.1.1 unknown\n\n--- Original message follows.\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "googlemail",
    "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    "Delivery Status Notification (Failure)",
    "This is an automatically generated Delivery Status Notification\n\nDelivery to the following recipient failed permanently:\n\n     hanako@example.jp\n\nTechnical details of permanent failure:\nGoogle tried to deliver your message, but it was rejected by the recipient domain. The error that the other server returned was: 550 550 5.1.1 unknown user (state 14).\n\n   ----- Original message -----\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "kundenserver",
    "Mail Delivery System <mailer-daemon@kundenserver.de>",
    "Mail delivery failed: returning message to sender",
    "A message that you have sent could not be delivered to one or more\nrecipients. This is a permanent error. The following address failed:\n\n  <hanako@example.jp>: 550 unknown user\n\n--- The header of the original message is following. ---\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "kundenserver2",
    "Mail Delivery System <mailer-daemon@kundenserver.de>",
    "Mail delivery failed: returning message to sender",
    "A message that you sent could not be delivered to one or more of its recipients.\n\nhanako@example.jp: No such mailbox\n\n--- The header of the original message is following. ---\n"
    + COPY,
    [H],
    "hard",
)
case(
    "thehartford",
    "postmaster@x.example",
    "Delivery Failure",
    "Delivery to the following recipients was aborted after 5 second(s):\n\n  * hanako@example.jp\n\n",
    [H],
)
case(
    "hartford2",
    "postmaster@x.example",
    "Delivery failure",
    "Your message \n\nhello\n\nwas not delivered to:\n\n  hanako@example.jp\n\nbecause:\n\n  User not listed\n",
    [H],
    "hard",
)
case(
    "earthlink",
    "MAILER-DAEMON@earthlink.net",
    "Undeliverable",
    "Sorry, unable to deliver your message to hanako@example.jp for the following reason:\n\n550 unknown\n\nA copy of the original message below this line:\n\n"
    + COPY,
    [H],
)
case(
    "ademe",
    "postmaster@ademe.fr",
    "Undeliverable mail",
    "A message could not be delivered to:\n\n  hanako@example.jp\n\nSubject: hello\n",
    [H],
)
case(
    "andrew",
    "MAILER-DAEMON@andrew.ac.jp",
    "Undeliverable Mail",
    "Invalid final delivery userid: hanako@example.jp\nOriginal message follows.\n\n" + COPY,
    [H],
    "hard",
)
case(
    "cynergycom",
    "postmaster@x.example",
    "Delivery failed",
    "A message that you sent could not be delivered to the following (hanako@example.jp)\n\n---\n" + COPY,
    [H],
)
case(
    "lsmtp",
    "LSMTP for Windows NT v1.1b <postmaster@x.example>",
    "Delivery error report",
    "--> Error description:\n\nError-for:  hanako@example.jp;\nError-Code: 3;\nError-Text: No such local user.\nError-End:  One error reported.\n\n------------------------------ Original message ------------------------------\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "qmail-es",
    "MAILER-DAEMON@x.example",
    "failure notice",
    "Hola. El mensaje no ha podido ser entregado.\nYour message could not be delivered.\n\n<hanako@example.jp>:\nUser unknown\n\n--- Below this line is a copy of the message.\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "dadoservice",
    "Postmaster <postmaster@dadoservice.it>",
    "Delivery problem",
    "Your message has encountered delivery problems\nto the following recipient(s):\n  message addressed to hanako@example.jp: user unknown\n\nYour message reads (in part):\n\n"
    + COPY,
    [H],
)
case(
    "gomaps",
    "System Administrator <postmaster@gomaps.com>",
    "Undeliverable: hello",
    "Your message\n\n  To:      Hanako\n  Subject: hello\n  Sent:    x\n\ndid not reach the following recipient(s):\n\nhanako@example.jp on Fri, 13 Oct 2000 11:02:20 +0200\n    The recipient name is not recognized\n\tThe MTS-ID of the original message is: c=us;a= ;p=x;l=Y\n",
    [H],
    "hard",
)
case(
    "eyou",
    "MAILER-DAEMON@eyou.com",
    "failure notice",
    "This is the deliver program at mail.eyou.com.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\nhanako@example.jp\nuser does not exist\n\n--- Attachment is a copy of the message.\n",
    [H],
    "hard",
)
case(
    "ieo",
    "postmaster@ieo.it",
    "Mail Delivery Error",
    "Hi, this is the email server at ieo.it.\nYour mail to hanako@example.jp, was not delivered: user does not exist.\n\n--- copy\n",
    [H],
)
case(
    "pla",
    "postmaster@pla.net.py",
    "Message delivery failed",
    "hanako@example.jp - no such user here.\n\nThere is no user by that name at this server.\n",
    [H],
    "hard",
)
case(
    "fastdns",
    "postmaster@x.example",
    "Delivery Failure",
    "The following recipient(s) could not be reached:\n\nhanako@example.jp\n\n550 No such user\n",
    [H],
    "hard",
)
case(
    "lttf",
    "MAILER-DAEMON@lttf.com",
    "Undeliverable Mail",
    "Could not deliver message to the following recipient(s):\n\nFailed Recipient: hanako@example.jp\nReason: Remote host said: 550 unknown user\n\n   -- The header and top 20 lines of the message follows --\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "uci",
    "postmaster@uci.edu",
    "Mail not delivered",
    "--------Message not delivered to the following:\n\n      hanako@example.jp\n\n--------Error Detail (phquery V4.4):\n\n  no such person\n",
    [H],
)
case(
    "dovecot-mdn",
    "Mail Delivery Subsystem <postmaster@x.example>",
    "Automatically rejected mail",
    "Your message to <hanako@example.jp> was automatically rejected:\nQuota exceeded (mailbox for user is full)\n",
    [H],
    "soft",
)
case(
    "mailru",
    "mailer-daemon@corp.mail.ru",
    "Mail failure",
    "A message that you sent was rejected.\n It was addressed to hanako@example.jp\n invalid mailbox\n\nThis is a copy of your message:\n"
    + COPY,
    [H],
)
case(
    "mailenable",
    "postmaster@x.example",
    "Message Delivery Failure",
    "MailEnable: Message could not be delivered to some recipients.\nThe following recipient(s) could not be reached:\n\n\tRecipient: [SMTP:hanako@example.jp]\n\tReason: The message could not be delivered because the recipients mail server said: 550 no such user\n\nMessage headers follow:\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "yahoo-noaddr",
    "MAILER-DAEMON@yahoo.com",
    "",
    "I'm afraid I wasn't able to deliver the following message.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\nSubject: [List] Re: hello\nTo: hanako@example.jp\n\n---Below this line is a copy of the message.\n",
    [H],
    rp=None,
)
case(
    "mta-dashes",
    "MAILER-DAEMON@x.example",
    "Delivery failure",
    "This is a delivery failure notification message indicating that\nan email you addressed to email address :\n-- hanako@example.jp\n\ncould not be delivered. The problem appears to be :\n-- Recipient email server rejected the message\n\nAdditional information follows :\n-- 550 No such user here\n",
    [H],
)
case(
    "compuserve",
    "CompuServe Postmaster <postmaster@compuserve.com>",
    "Undeliverable message",
    "CompuServe Postmaster Gateway\n>>> Receiver not found: hanako@example.jp\n\nYour message could not be delivered as addressed.\n\n--- Returned message ---\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "netscape",
    "Mail Administrator <Postmaster@x.example>",
    "Mail System Error - Returned Mail",
    "This Message was undeliverable due to the following reason:\n\nThe user(s) account is disabled.\n\n<hanako@example.jp>\n\nPlease reply to Postmaster if you feel this message to be in error.\n\n",
    [H],
    "soft",
)
case(
    "llnl",
    "postmaster@llnl.gov",
    "undeliverable mail",
    "******* NOTIFICATION OF UNDELIVERABLE MAIL ******\n\nYour message to hanako@example.jp: , cannot be delivered since she/he is not a user\n",
    [H],
)
case(
    "groupwise",
    "Mailer-Daemon <postmaster@x.example>",
    "Message status - undeliverable",
    "The attached file had the following undeliverable recipient(s):\n\thanako@example.jp\n\nTransaction Log:\n\n",
    [H],
)
case(
    "groupwise2",
    "postmaster@x.example",
    "Message status - undeliverable",
    "The message that you sent was undeliverable to the following:\n\tHanako Yamada (hanako@example.jp)\n\nPossibly truncated original message follows:\n\n"
    + COPY,
    [H],
)
case(
    "smtp32",
    "Postmaster@smtp32.example",
    "Undeliverable Mail",
    "User mailbox exceeds allowed size: hanako@example.jp\n\nOriginal message follows.\n\n" + COPY,
    [H],
    "soft",
    headers="X-Mailer: <SMTP32 v20010201>\n",
)
case(
    "smtp32b",
    "Postmaster@smtp32.example",
    "Undeliverable Mail",
    "Unknown user: hanako@example.jp\n\nOriginal message follows.\n\n" + COPY,
    [H],
    "hard",
    headers="X-Mailer: <SMTP32 v8.00>\n",
)
case(
    "smtp32c",
    "Postmaster@smtp32.example",
    "Undeliverable Mail",
    "undeliverable to hanako@example.jp\n\nOriginal message follows.\n\n" + COPY,
    [H],
)
case(
    "smtp32d",
    "Postmaster@smtp32.example",
    "Undeliverable Mail",
    "Delivery failed 20 attempts: hanako@example.jp\n\nOriginal message follows.\n\n" + COPY,
    [H],
    "soft",
)
case("sina", "MAILER-DAEMON@sina.com", "hello", "<hanako@example.jp>:\nuser not found\n\n--- copy\n", [H])
case(
    "yale",
    "MAILER-DAEMON@yale.edu",
    "Undeliverable mail",
    "Message not delivered to hanako@yale.edu\n  550 user unknown\n",
    ["hanako@yale.edu"],
)
case(
    "sendmail-expanded",
    "Mail Delivery Subsystem <MAILER-DAEMON@x.example>",
    "Returned mail: User unknown",
    "The original message was received\n\n   ----- The following addresses had permanent fatal errors -----\nhanako@inner.example\n    (expanded from: <hanako@example.jp>)\n\n   ----- Transcript of session follows -----\n550 <hanako@inner.example>... User unknown\n\n   ----- Original message follows -----\n"
    + COPY,
    [H],
)
case(
    "warn-exim",
    "Mail Delivery System <Mailer-Daemon@x.example>",
    "Warning: message 1ABC delayed 24 hours",
    "This message was created automatically by mail delivery software.\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue on x.example.\n\nThe message identifier is:     1ABC\nThe subject of the message is: hello\n\nThe address to which the message has not yet been delivered is:\n\n  hanako@example.jp\n\nNo action is required on your part. Delivery attempts will continue for\nsome time\n",
    [H],
    "transient",
)
case(
    "exim",
    "Mail Delivery System <Mailer-Daemon@x.example>",
    "Mail delivery failed: returning message to sender",
    "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  hanako@example.jp\n    SMTP error from remote mail server after RCPT TO:<hanako@example.jp>:\n    host mx [1.2.3.4]: 550 5.1.1 User unknown\n\n------ This is a copy of the message, including all the headers. ------\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "exim-pipe",
    "Mail Delivery System <Mailer-Daemon@x.example>",
    "Mail delivery failed: returning message to sender",
    "The following address(es) failed:\n\n  pipe to |/usr/bin/x\n    generated by hanako@example.jp\n    local delivery failed\n\n------ This is a copy of the message, including all the headers. ------\n"
    + COPY,
    [H],
    "soft",
)
case(
    "exim-autoreply",
    "Mail Delivery System <Mailer-Daemon@x.example>",
    "Mail delivery failed",
    "A message that you sent could not be delivered to all of its recipients.\n\n  hanako@example.jp\n    Unrouteable address\n\n"
    + COPY,
    [H],
    "hard",
    headers="X-Failed-Recipients: hanako@example.jp\n",
)
case(
    "xfailed",
    "Mail Delivery System <Mailer-Daemon@x.example>",
    "Mail delivery failed",
    "see below",
    ["a@example.jp", "b@example.jp"],
    None,
    headers="X-Failed-Recipients: a@example.jp,\n b@example.jp\n",
)
case(
    "postfix-nodsn",
    "Mail Delivery System <MAILER-DAEMON@x.example>",
    "Undelivered Mail Returned to Sender",
    "This is the mail system at host x.example.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n<hanako@example.jp>: host mx.example.jp[1.2.3.4] said: 550 5.1.1\n    <hanako@example.jp>: Recipient address rejected: User unknown in virtual\n    mailbox table (in reply to RCPT TO command)\n",
    [H],
    "hard",
)
case(
    "qmail",
    "MAILER-DAEMON@x.example",
    "failure notice",
    "Hi. This is the qmail-send program at x.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<hanako@example.jp>:\n1.2.3.4 does not like recipient.\nRemote host said: 550 Unknown user hanako@example.jp\nGiving up on 1.2.3.4.\n\n--- Below this line is a copy of the message.\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "qmail-vpop",
    "MAILER-DAEMON@x.example",
    "failure notice",
    "Hi. This is the qmail-send program at x.example.\n\n<hanako@example.jp>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "qmail-overquota",
    "MAILER-DAEMON@x.example",
    "failure notice",
    "Hi. This is the qmail-send program at x.example.\n\n<hanako@example.jp>:\nmailfolder is full\n\n--- Below this line is a copy of the message.\n\n"
    + COPY,
    [H],
    "soft",
)
case(
    "qmail-multi",
    "MAILER-DAEMON@x.example",
    "failure notice",
    "Hi. This is the qmail-send program at x.example.\n\n<a@example.jp>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n<b@example.jp>:\nmailfolder is full\n\n--- Below this line is a copy of the message.\n\n"
    + COPY,
    ["a@example.jp", "b@example.jp"],
)
case(
    "docomo",
    "Mail Administrator <mailer-daemon@docomo.ne.jp>",
    "Undeliverable: Unknown User",
    "Your message was not delivered to the following recipient\n\nThis message was undeliverable due to the following reason:\n\nUnknown User\n\n<hanako@docomo.ne.jp>\n\nPlease ...\n",
    ["hanako@docomo.ne.jp"],
)
case(
    "docomo-ja",
    "mail-daemon@docomo.ne.jp",
    "Mail System Error - Returned Mail",
    "次のあて先へのメッセージはエラーのため送信できませんでした。\n\n送信先メールアドレスが見つからないか、\n送信先メールサーバの事由により送信できませんでした。\n\n<hanako@docomo.ne.jp>\n",
    ["hanako@docomo.ne.jp"],
)
case(
    "ezweb",
    "Postmaster@ezweb.ne.jp",
    "Mail System Error - Returned Mail",
    "The user(s) account is disabled.\n\n<hanako@ezweb.ne.jp>: 550 user unknown\n\n<<< 550 <hanako@ezweb.ne.jp>: User unknown\n\n--------------\n"
    + COPY,
    ["hanako@ezweb.ne.jp"],
)
case(
    "ezweb2",
    "MAILER-DAEMON@ezweb.ne.jp",
    "Mail System Error - Returned Mail",
    "Each of the following recipients was rejected by a remote mail server.\nThe reasons given by the server are included to help you determine why\neach recipient was rejected.\n\n    Recipient: <hanako@ezweb.ne.jp>\n    Reason:    5.1.1 <hanako@ezweb.ne.jp>... User unknown\n\n",
    ["hanako@ezweb.ne.jp"],
    "hard",
)
case(
    "au-ja",
    "Postmaster@au.com",
    "メールを送信できませんでした",
    "次の宛先へのメールは送信できませんでした。\n\n  hanako@au.com\n\n理由: 宛先のメールアドレスが存在しません。\n",
    ["hanako@au.com"],
    "hard",
    headers=JA,
)
case(
    "softbank",
    "MAILER-DAEMON@softbank.ne.jp",
    "Delivery Failure",
    "送信先のメールアドレス(hanako@softbank.ne.jp)が見つかりませんでした。\n\n550 Invalid recipient: <hanako@softbank.ne.jp>\n",
    ["hanako@softbank.ne.jp"],
    "hard",
    headers=JA,
)
case(
    "softbank-vodafone",
    "MAILER-DAEMON@vodafone.ne.jp",
    "Returned mail: see transcript for details",
    "The following address failed.\n\nhanako@vodafone.ne.jp : 550 Invalid recipient\n",
    ["hanako@vodafone.ne.jp"],
    "hard",
)
case(
    "yahoo-jp",
    "MAILER-DAEMON@yahoo.co.jp",
    "failure notice",
    "Message from  yahoo.co.jp.\nUnable to deliver message to the following address(es).\n\n<hanako@yahoo.co.jp>:\nThis user doesn't have a yahoo.co.jp account (hanako@yahoo.co.jp) [-9]\n\n--- Original message follows.\n\n"
    + COPY,
    ["hanako@yahoo.co.jp"],
    "hard",
)
case(
    "yahoo-jp-new",
    "MAILER-DAEMON@yahoo.co.jp",
    "Failure Notice",
    "Sorry, we were unable to deliver your message to the following address.\n\n<hanako@yahoo.co.jp>:\n552: 552 1 Requested mail action aborted, mailbox not found\n\n--- Below this line is a copy of the message.\n\n"
    + COPY,
    ["hanako@yahoo.co.jp"],
    "hard",
)
case(
    "yahoo-jp-quota",
    "MAILER-DAEMON@yahoo.co.jp",
    "failure notice",
    "Message from  yahoo.co.jp.\nUnable to deliver message to the following address(es).\n\n<hanako@yahoo.co.jp>:\nUser's mailbox is full (over quota)\n\n--- Original message follows.\n\n"
    + COPY,
    ["hanako@yahoo.co.jp"],
    "soft",
)
case(
    "biglobe",
    "postmaster@biglobe.ne.jp",
    "メール配信エラー / Returned mail",
    "メールを送信できませんでした。\n\n   ----- The following addresses had delivery problems -----\n<hanako@biglobe.ne.jp>    (unrecoverable error)\n   ----- Non-delivered information -----\nNo such user.\n",
    ["hanako@biglobe.ne.jp"],
    None,
    headers=JA,
)
case(
    "exchange2003",
    "System Administrator <postmaster@x.example>",
    "Undeliverable: hello",
    "Your message\n\n  To:      hanako@example.jp\n  Subject: hello\n  Sent:    Thu, 1 Apr 2010 18:41:00 +0900\n\ndid not reach the following recipient(s):\n\nhanako@example.jp on Thu, 1 Apr 2010 18:41:05 +0900\n    The e-mail account does not exist at the organization this message was sent to.\n    <x.example #5.1.1>\n",
    [H],
    "hard",
)
case(
    "exchange-ja",
    "Microsoft Exchange <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.example>",
    "配信不能: hello",
    "次の受信者またはグループへの配信に失敗しました:\n\nhanako@example.jp\n入力した電子メール アドレスが見つかりませんでした。受信者の電子メール アドレスを確認してから、もう一度送信してみてください。\n\n管理者向けの診断情報:\n\n生成元サーバー: x.example\n\nhanako@example.jp\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\n元のメッセージ ヘッダー:\n\n"
    + COPY,
    [H],
    "hard",
    headers=JA,
)
case(
    "office365",
    "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.onmicrosoft.com>",
    "Undeliverable: hello",
    "Delivery has failed to these recipients or groups:\n\nhanako@example.jp<mailto:hanako@example.jp>\nThe email address you entered couldn't be found. Please check the recipient's email address and try to resend the message.\n\nDiagnostic information for administrators:\n\nGenerating server: x\n\nhanako@example.jp\nRemote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient hanako@example.jp not found by SMTP address lookup'\n\nOriginal message headers:\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "office365-html",
    "Microsoft Outlook <postmaster@x.onmicrosoft.com>",
    "Undeliverable: hello",
    "<html><body><p>Your message to <a href='mailto:hanako@example.jp'>hanako@example.jp</a> couldn't be delivered.</p><p><b>hanako</b> wasn't found at <b>example.jp</b>.</p></body></html>\n",
    [H],
    "hard",
    headers="Content-Type: text/html; charset=utf-8\n",
)
case(
    "gmail-new",
    "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    "Delivery Status Notification (Failure)",
    "** 宛先不明 **\n\nhanako@example.jp にメールが配信されませんでした。アドレスが見つからなかったか、アドレスでメールを受信できません。\n\n相手サーバーからの応答:\n\n550 5.1.1 The email account that you tried to reach does not exist.\n",
    [H],
    "hard",
    headers=JA,
)
case(
    "gmail-full",
    "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    "Delivery Status Notification (Failure)",
    "** 受信トレイがいっぱいです **\n\nhanako@gmail.com の受信トレイがいっぱいであるか、大量のメールを一度に受信しているため、メールは配信されませんでした。\n\n相手サーバーからの応答:\n\n452 4.2.2 The recipient's inbox is out of storage space.\n",
    ["hanako@gmail.com"],
    "soft",
    headers=JA,
)
case(
    "icloud",
    "MAILER-DAEMON@icloud.com",
    "Undelivered Mail Returned to Sender",
    "This is the mail system at host icloud.com.\n\n<hanako@icloud.com>: host mx01.mail.icloud.com[17.1.1.1] said: 550 5.1.1 <hanako@icloud.com>: inactive email address (in reply to RCPT TO command)\n",
    ["hanako@icloud.com"],
)
case(
    "nifty",
    "MAILER-DAEMON@nifty.com",
    "Returned mail: User unknown",
    "   ----- The following addresses had permanent fatal errors -----\n<hanako@nifty.com>\n    (reason: 550 5.1.1 <hanako@nifty.com>... User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx.nifty.com:\n>>> DATA\n<<< 550 5.1.1 <hanako@nifty.com>... User unknown\n550 5.1.1 <hanako@nifty.com>... User unknown\n",
    ["hanako@nifty.com"],
    "hard",
)
case(
    "ocn",
    "MAILER-DAEMON@ocn.ad.jp",
    "Returned mail: see transcript for details",
    "   ----- The following addresses had permanent fatal errors -----\n<hanako@ocn.ne.jp>\n    (reason: 552 5.2.2 Mailbox full)\n\n   ----- Transcript of session follows -----\n552 5.2.2 <hanako@ocn.ne.jp>... Mailbox full\n",
    ["hanako@ocn.ne.jp"],
    "soft",
)
case(
    "domino",
    "postmaster@x.example",
    "DELIVERY FAILURE: User hanako (hanako@example.jp) not listed in Domino Directory",
    "Your message\n\n  Subject: hello\n\nwas not delivered to:\n\n  hanako@example.jp\n\nbecause:\n\n  User hanako (hanako@example.jp) not listed in Domino Directory\n",
    [H],
    "hard",
)
case(
    "notes-de",
    "postmaster@x.example",
    "DELIVERY FAILURE: Ziel",
    "Your message\n\n  Subject: hello\n\nwas not delivered to:\n\n  hanako@example.jp\n\nbecause:\n\n  Error transferring to x; Maximum hop count exceeded.  Message probably in a routing loop.\n",
    [H],
    "soft",
)
case(
    "courier",
    "Courier mail server at x <@>",
    "NOTICE: mail delivery status.",
    "This is a delivery status notification from x.example,\nrunning the Courier mail server, version 0.65.2.\n\nThe original message was received on Mon\n\n---------------------------------------------------------------------------\n\n                           UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<hanako@example.jp>:\n    mx [1.2.3.4]:\n>>> RCPT TO:<hanako@example.jp>\n<<< 550 5.1.1 <hanako@example.jp>: user does not exist\n\n---------------------------------------------------------------------------\n",
    [H],
    "hard",
)
case(
    "imail",
    "Postmaster <postmaster@x.example>",
    "Undeliverable Mail",
    "Unknown host: hanako@example.jp\n\nOriginal message follows.\n\n" + COPY,
    [H],
    "hard",
)
case(
    "james",
    "postmaster@x.example",
    "Re: hello",
    "Hi. This is the James mail server at x.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.  Below\nI include the list of recipients and the reason why I was unable to deliver\nyour message.\n\nMessage details:\n  Subject: hello\n  Sent date: x\n  MAIL FROM: desk@shop.example\n  RCPT TO: hanako@example.jp\n  From: desk@shop.example\n  To: hanako@example.jp\n\nFailed recipient(s):\nhanako@example.jp\n\nError message:\n550 - Requested action not taken: no such user here\n",
    [H],
    "hard",
)
case(
    "mxlogic",
    "MAILER-DAEMON@mxlogic.net",
    "Mail delivery failed",
    "A message that you sent could not be delivered to one or more of its recipients.\n\n<hanako@example.jp>: 550 5.1.1 <hanako@example.jp>... User Unknown\n\n---- Included is the message header and first 50 lines of your message\n"
    + COPY,
    [H],
    "hard",
)
case(
    "mailmarshal",
    "Postmaster@x.example",
    'Undeliverable Mail: "hello"',
    "Your message:\n   From:    desk@shop.example\n   Subject: hello\n\nCould not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected: \n   hanako@example.jp\n\nAdditional Information\n======\nOriginal Sender:    <desk@shop.example>\n",
    [H],
    "hard",
)
case(
    "barracuda",
    "Barracuda <MAILER-DAEMON@barracuda.example>",
    "**Message you sent blocked by our bulk email filter**",
    "Your message to: hanako@example.jp\nwas blocked by our Spam Firewall. The email you sent with the following subject has NOT BEEN DELIVERED:\n\nSubject: hello\n\nAn administrator at your organization...\n",
    [H],
    "soft",
)
case(
    "symantec-cloud",
    "MAILER-DAEMON@messagelabs.com",
    "Mail delivery failed : returning message to sender",
    "This message was created automatically by mail delivery software (Mail Security).\n\nMail could not be delivered to:\n<hanako@example.jp>: \n550 unknown user\n",
    [H],
    "hard",
)
case(
    "mimecast",
    "Postmaster <postmaster@x.example>",
    "[Postmaster] Email Delivery Failure",
    "This is a delivery failure notification message indicating that\nan email you addressed to email address :\n-- hanako@example.jp\n\ncould not be delivered. The problem appears to be :\n-- Recipient email address is possibly incorrect\n\nAdditional information follows :\n-- 5.1.1 User Unknown\n",
    [H],
    "hard",
)
case(
    "zoho",
    "mailer-daemon@mail.zoho.com",
    "Undelivered Mail Returned to Sender",
    "This message was created automatically by mail delivery software.\n A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.\n\nhanako@example.jp Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <hanako@example.jp>: Recipient address rejected: User unknown\n",
    [H],
    "hard",
)
case(
    "yandex",
    "mailer-daemon@yandex.ru",
    "Недоставленное сообщение",
    "This is the mail system at host yandex.ru.\n\n<hanako@example.jp>: host mx said: 550 5.7.1 No such user! (in reply to RCPT TO command)\n",
    [H],
    None,
    headers=JA,
)
case(
    "mailru2",
    "Mailer-Daemon@corp.mail.ru",
    "Mail delivery failed: returning message to sender",
    "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error.\n\n  hanako@mail.ru\n    invalid mailbox\n\n------ This is a copy of the message, including all the headers. ------\n"
    + COPY,
    ["hanako@mail.ru"],
    "hard",
)
case(
    "163",
    "Postmaster@163.com",
    "系统退信/Systems bounce",
    "抱歉，您的邮件被退回来了……\n\n收件人邮件地址： hanako@163.com\n\n退信原因： 收件人邮件地址不存在。\n\n英文说明:550 User not found: hanako@163.com\n",
    ["hanako@163.com"],
    "hard",
    headers=JA,
)
case(
    "qq",
    "PostMaster@qq.com",
    "系统退信",
    "发件人（desk@shop.example），很抱歉您的邮件未能发送\n收件人（hanako@qq.com）所属域名不存在\n",
    ["hanako@qq.com"],
    None,
    headers=JA,
)
case(
    "naver",
    "mail_delivery@naver.com",
    "메일이 전송되지 못했습니다. (Delivery failure)",
    "hanako@naver.com 님께 메일을 전송하지 못했습니다.\n550 5.1.1 No such user\n",
    ["hanako@naver.com"],
    "hard",
    headers=JA,
)
case(
    "sakura",
    "MAILER-DAEMON@www1.sakura.ne.jp",
    "Returned mail: see transcript for details",
    "The original message was received at\n\n   ----- The following addresses had permanent fatal errors -----\n<hanako@example.jp>\n    (reason: 550 5.1.1 <hanako@example.jp>: Recipient address rejected: User unknown)\n\n   ----- Transcript of session follows -----\n",
    [H],
    "hard",
)
case(
    "xserver",
    "Mail Delivery System <Mailer-Daemon@sv1.xserver.jp>",
    "Mail delivery failed: returning message to sender",
    "This message was created automatically by mail delivery software.\n\nThe following address failed:\n\n  hanako@example.jp:\n    no mailbox here by that name\n",
    [H],
    "hard",
)
case(
    "sysadmin-ja",
    "メール配送システム <postmaster@x.example>",
    "配送不能通知",
    "下記の宛先にメールを配送できませんでした。\n\nhanako@example.jp\n\n理由: 該当するユーザが存在しません (550 5.1.1)\n",
    [H],
    "hard",
    headers=JA,
)
dsn("plain", "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 5.1.1", [H], "hard")
dsn("lower", "final-recipient: RFC822;<hanako@example.jp>\naction: Failed\nstatus: 5.1.1 (bad)", [H], "hard")
dsn(
    "two",
    "Final-Recipient: rfc822; a@example.jp\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822; b@example.jp\nAction: failed\nStatus: 5.2.2",
    ["a@example.jp", "b@example.jp"],
)
dsn(
    "mixed",
    "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 5.1.1",
    [H],
    "hard",
    ctype="multipart/mixed; boundary=r",
)
dsn(
    "orig",
    "Original-Recipient: rfc822;hanako@example.jp\nFinal-Recipient: rfc822;x123@internal.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 user unknown",
    [H],
    "hard",
)
dsn(
    "exim-x500",
    "Final-Recipient: X400; /O=x/\nX-Display-Name: Hanako\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp;550 5.1.1 <hanako@example.jp> unknown",
    [H],
    "hard",
)
dsn(
    "fin-lotus",
    "Final-Recipient: rfc822;hanako@example.jp\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: X-Notes; User hanako not listed in Domino Directory",
    [H],
    "hard",
)
dsn(
    "ses",
    "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 The email account does not exist",
    [H],
    "hard",
    sender="MAILER-DAEMON@ap-northeast-1.amazonses.com",
    subject="Delivery Status Notification (Failure)",
)
dsn(
    "sendgrid",
    "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 550 5.1.1\nDiagnostic-Code: 550 5.1.1 no such user",
    [H],
    "hard",
    sender="MAILER-DAEMON <apps@sendgrid.net>",
    subject="Undelivered Mail",
)
dsn(
    "mailgun",
    "Final-Recipient: rfc822;hanako@example.jp\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 No such user",
    [H],
    "hard",
    sender="Mail Delivery System <mailer-daemon@mailgun.org>",
    subject="Undeliverable: hello",
)
dsn(
    "docomo-dot",
    "Final-Recipient: rfc822; da.me..@docomo.ne.jp\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 Unknown user da.me..@docomo.ne.jp",
    ["da.me..@docomo.ne.jp"],
    "hard",
)
dsn(
    "docomo-dotq",
    'Final-Recipient: rfc822; "da.me.."@docomo.ne.jp\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 Unknown user',
    ["da.me..@docomo.ne.jp"],
    "hard",
)
dsn(
    "au-filter",
    "Final-Recipient: rfc822; hanako@ezweb.ne.jp\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 <hanako@ezweb.ne.jp>: User unknown",
    ["hanako@ezweb.ne.jp"],
    "soft",
    human="<hanako@ezweb.ne.jp>: host lsean.ezweb.ne.jp said: 550 <hanako@ezweb.ne.jp>: User unknown (in reply to end of DATA command)",
)
dsn(
    "delayed",
    "Final-Recipient: rfc822; hanako@example.jp\nAction: delayed\nStatus: 4.4.1",
    [H],
    "transient",
    subject="Delayed Mail (still being retried)",
)
dsn(
    "expired",
    "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 4.4.7\nDiagnostic-Code: smtp; delivery expired",
    [H],
    "soft",
)
dsn(
    "html-human",
    "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 5.1.10\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    [H],
    "hard",
    sender="Microsoft Outlook <MicrosoftExchange329e71ec@x.onmicrosoft.com>",
    subject="=?utf-8?B?6YWN5L+h5LiN6IO9OiBoZWxsbw==?=",
)
dsn(
    "gmail",
    "Final-Recipient: rfc822; hanako@gmail.com\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; gmail-smtp-in.l.google.com.\nDiagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try\n 550-5.1.1 double-checking the recipient's email address for typos or\n 550 5.1.1 unnecessary spaces. https://support.google.com/mail/?p=NoSuchUser",
    ["hanako@gmail.com"],
    "hard",
)
dsn(
    "gmail-full",
    "Final-Recipient: rfc822; hanako@gmail.com\nAction: failed\nStatus: 4.2.2\nDiagnostic-Code: smtp; 452 4.2.2 The recipient's inbox is out of storage space",
    ["hanako@gmail.com"],
    "soft",
)
dsn(
    "dmarc",
    "Final-Recipient: rfc822; hanako@gmail.com\nAction: failed\nStatus: 5.7.26\nDiagnostic-Code: smtp; 550-5.7.26 Your email has been blocked because the sender is unauthenticated",
    ["hanako@gmail.com"],
    "soft",
)
dsn(
    "icloud-full",
    "Final-Recipient: rfc822; hanako@icloud.com\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 <hanako@icloud.com>: user is over quota",
    ["hanako@icloud.com"],
    "soft",
)
dsn(
    "yj-spam",
    "Final-Recipient: rfc822; hanako@yahoo.co.jp\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 554 delivery error: dd This user doesn't have a yahoo.co.jp account (hanako@yahoo.co.jp) [0] - mta",
    ["hanako@yahoo.co.jp"],
    "hard",
)
dsn(
    "domain-gone",
    "Final-Recipient: rfc822; hanako@gone.example\nAction: failed\nStatus: 5.4.4\nDiagnostic-Code: X-Postfix; Host or domain name not found. Name service error for name=gone.example type=AAAA: Host not found",
    ["hanako@gone.example"],
    "hard",
)
dsn(
    "nullmx",
    "Final-Recipient: rfc822; hanako@nullmx.example\nAction: failed\nStatus: 5.1.0\nDiagnostic-Code: X-Postfix; Domain nullmx.example does not accept mail (nullMX)",
    ["hanako@nullmx.example"],
)
dsn(
    "dns-temp",
    "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 4.4.3\nDiagnostic-Code: X-Postfix; Host or domain name not found. Name service error for name=example.jp type=MX: Host not found, try again",
    [H],
    "soft",
)
dsn(
    "global",
    "Final-Recipient: utf-8; hanako@example.jp\nAction: failed\nStatus: 5.1.1",
    [H],
    "hard",
    status="message/global-delivery-status",
)
dsn(
    "relayed+failed",
    "Final-Recipient: rfc822; a@example.jp\nAction: relayed\nStatus: 2.0.0\n\nFinal-Recipient: rfc822; b@example.jp\nAction: failed\nStatus: 5.1.1",
    ["b@example.jp"],
    "hard",
)
dsn("crlf-in-code", "Final-Recipient: rfc822; hanako@example.jp\r\nAction: failed\r\nStatus: 5.1.1\r\n", [H], "hard")
dsn(
    "exch-dbeb",
    "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 5.4.1\nDiagnostic-Code: smtp; 550 5.4.1 Recipient address rejected: Access denied. [x.protection.outlook.com]",
    [H],
    "hard",
)
dsn(
    "5.1.351",
    "Final-Recipient: rfc822;hanako@example.jp\nAction: failed\nStatus: 5.1.351\nDiagnostic-Code: smtp;550 5.1.351 Remote server returned unknown recipient or mailbox unavailable -> 550 No such user",
    [H],
    "hard",
)
dsn(
    "apple-inactive",
    "Final-Recipient: rfc822;hanako@icloud.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 <hanako@icloud.com>: inactive email address",
    ["hanako@icloud.com"],
)
dsn(
    "policy-511",
    "Final-Recipient: rfc822;hanako@example.jp\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 554 5.7.1 Message rejected due to spam content",
    [H],
    "soft",
)
dsn(
    "greylist",
    "Final-Recipient: rfc822;hanako@example.jp\nAction: delayed\nStatus: 4.2.0\nDiagnostic-Code: smtp; 450 4.2.0 <hanako@example.jp>: Recipient address rejected: Greylisted",
    [H],
    "transient",
)
case(
    "tnt-ja-nifty",
    "postmaster@nifty.ne.jp",
    "メール送信エラーのお知らせ",
    "送信されたメールは以下の理由によりお届けできませんでした。\n\n宛先: hanako@nifty.com\n理由: 宛先メールボックスが一杯です\n",
    ["hanako@nifty.com"],
    "soft",
    headers=JA,
)
case(
    "wakwak",
    "MAILER-DAEMON@wakwak.com",
    "Returned mail: Host unknown",
    "   ----- The following addresses had permanent fatal errors -----\n<hanako@nohost.example>\n\n   ----- Transcript of session follows -----\n550 5.1.2 <hanako@nohost.example>... Host unknown (Name server: nohost.example: host not found)\n",
    ["hanako@nohost.example"],
    "hard",
)
case(
    "kddi-au",
    "no-reply@app.auone-net.jp",
    "Returned mail: see transcript",
    "Could not be delivered to: <hanako@au.com>\nAs their mailbox is full.\n",
    ["hanako@au.com"],
    "soft",
)
case(
    "softbank-full",
    "mailer-daemon@softbank.ne.jp",
    "Delivery error",
    "<hanako@softbank.ne.jp>: 552 mailbox full\n",
    ["hanako@softbank.ne.jp"],
    "soft",
)
case(
    "iphone-softbank",
    "MAILER-DAEMON@i.softbank.jp",
    "Undeliverable mail",
    "<hanako@i.softbank.jp>: 550 Invalid recipient: <hanako@i.softbank.jp>\n",
    ["hanako@i.softbank.jp"],
    "hard",
)
case(
    "docomo-mopera",
    "mailer-daemon@mopera.net",
    "User unknown",
    "550 Unknown user hanako@docomo.ne.jp\n\n",
    ["hanako@docomo.ne.jp"],
    "hard",
)
case(
    "x6",
    "MAILER-DAEMON@x.example",
    "There was an error delivering the mail",
    "We had trouble delivering your message. Full details follow:\n\nSubject: 'hello'\nDate: 'Thu'\n\n1 error(s):\n\nSMTP Server <mta2.example.jp> rejected recipient <hanako@example.jp> \n  (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]\n\n",
    [H],
    "hard",
)
case(
    "x6b",
    "postmaster@x.example",
    "There was an error sending your mail",
    "We had trouble delivering your message. Full details follow:\n\n1 error(s):\n\nSMTP Server <mta2.example.jp> rejected recipient <hanako@example.jp>  (Error following RCPT command). It responded as follows: [550 5.1.1 <hanako@example.jp>... User Unknown]\n",
    [H],
    "hard",
)
case(
    "surfcontrol",
    "Mail Administrator <postmaster@x.example>",
    "Message could not be sent.",
    "Your message could not be sent.\nA transcript of the attempts to send the message follows.\nThe number of attempts made: 1\nAddressed To: hanako@example.jp\n\nThu 29 Apr 2010 23:34:45 +0900\nFailed to send to identified host,\nhanako@example.jp: [192.0.2.5], 550 kijitora... No such user\n--- Message non-deliverable.\n",
    [H],
    "hard",
)
case(
    "trendmicro",
    "InterScan Notification <interscan@x.example>",
    "Mail delivery failed",
    "Unable to deliver message to <hanako@example.jp>\n\nSent <<< RCPT TO:<hanako@example.jp>\nReceived >>> 550 5.1.1 <hanako@example.jp>... user unknown\n",
    [H],
    "hard",
)
case(
    "v5sendmail",
    "Mail Delivery Subsystem <MAILER-DAEMON@x.example>",
    "Returned mail: User unknown",
    "   ----- Transcript of session follows -----\nWhile talking to smtp.example.jp:\n>>> RCPT To:<hanako@example.jp>\n<<< 550 <hanako@example.jp>, User Unknown\n550 <hanako@example.jp>... User unknown\n421 smtp.example.jp... Deferred: Connection timed out\n\n   ----- Unsent message follows -----\n"
    + COPY,
    [H],
    "hard",
)
case(
    "mcafee",
    "Mail Delivery Subsystem <postmaster@x.example>",
    "Delivery Status",
    "--- The following addresses had delivery problems ---\n\n<hanako@example.jp>   (User unknown hanako@example.jp)\n\n--------------Boundary",
    [H],
    "hard",
)
case(
    "x1",
    "Mail Deliver System <Mailer-Daemon@x.example>",
    "Returned Mail: User unknown",
    "The original message was received at Thu, 29 Apr 2010 23:34:45 +0900 (JST)\nfrom shironeko@example.jp\n\n---The following addresses had delivery errors---\n\nhanako@example.jp [User unknown]\n\n",
    [H],
    "hard",
)
case(
    "x2",
    "MAILER-DAEMON@example.com",
    "Delivery failure",
    "Message from example.com.\nUnable to deliver message to the following address(es).\n\n<hanako@example.jp>:\nThis user doesn't have an example.com account (hanako@example.jp) [0]\n\n--- Original message follows.\n\n"
    + COPY,
    [H],
    "hard",
)
case(
    "x3",
    "Mail Delivery System <mailer-daemon@x.example>",
    "Delivery status notification",
    "============================================================================\n      This is an automatically generated Delivery Status Notification.      \n\nDelivery to the following recipients failed permanently:\n\n      * hanako@example.jp\n\n\n============================================================================\n                             Technical details:                             \n\nSMTP:RCPT host 192.0.2.8: 553 5.3.0 <hanako@example.jp>... No such user here\n\n\n============================================================================\n",
    [H],
    "hard",
)
case(
    "activehunter",
    "MAILER-DAEMON@x.example",
    "FAILURE NOTICE :",
    "  ----- The following addresses had permanent fatal errors -----\n\n>>> hanako@example.jp <hanako@example.jp>\n\n  ----- Transcript of session follows -----\n550 sorry, User unknown\n",
    [H],
    "hard",
)
case(
    "kddi",
    "no-reply@app.auone-net.jp",
    "Mail System Error - Returned Mail",
    "Your mail sent on: Thu, 29 Apr 2010 11:04:47 +0900\n     Could not be delivered to: <hanako@au.com>\n     As their mailbox is full.\n\n"
    + COPY,
    ["hanako@au.com"],
    "soft",
)
case(
    "kddi2",
    "no-reply@app.auone-net.jp",
    "Mail System Error - Returned Mail",
    "Your mail attempted to be delivered on Thu, 29 Apr 2010 12:08:36 +0900\n     Could not be delivered to: <hanako@au.com>\n     As the remote domain doesnt exist.\n",
    ["hanako@au.com"],
)
case(
    "powermta",
    "PowerMTA <mailer-daemon@x.example>",
    "Delivery report",
    "Hello, this is the mail server on x.example.\n\nI am sending you this message to inform you on the delivery status of a\nmessage you previously sent.  Immediately below you will find a list of\nthe affected recipients;  also attached is a Delivery Status Notification\n(DSN) report in standard format, as well as the headers of the original\nmessage.\n\n  <hanako@example.jp>  delivery failed; will not continue trying\n",
    [H],
)
case(
    "googlegroups",
    "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    "Delivery Status Notification (Failure)",
    "Hello desk@shop.example,\n\nWe're writing to let you know that the group you tried to contact (example-group) may not exist, or you may not have permission to post messages to the group. A few more details on why you weren't able to post:\n\n * You might have spelled or formatted the group name incorrectly.\n",
    ["example-group@googlegroups.com"],
    headers="X-Failed-Recipients: example-group@googlegroups.com\n",
)
case(
    "facebook",
    "Facebook <mailer-daemon@mx.facebook.com>",
    "Sorry, your message could not be delivered",
    "This message was created automatically by Facebook.\n\nSorry, your message could not be delivered to the following address.\n\nhanako@facebook.com\n550 5.1.1 RCP-P1 http://postmaster.facebook.com/\n",
    ["hanako@facebook.com"],
)
case(
    "einsundeins",
    "Mail Delivery System <mailer-daemon@kundenserver.de>",
    "Mail delivery failed: returning message to sender",
    "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. The following addresses failed:\n\n<hanako@example.jp>:\n\nFor the following reason:\n\nMail size limit exceeded. For explanation visit http://x\n\n--- The header of the original message is following. ---\n"
    + COPY,
    [H],
    "soft",
)
case(
    "opensmtpd",
    "Mailer Daemon <MAILER-DAEMON@x.example>",
    "Delivery status notification: error",
    "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\nhanako@example.jp: 550 5.2.2 <hanako@example.jp>... Mailbox Full\n\n    Below is a copy of the original message:\n\n"
    + COPY,
    [H],
    "soft",
)
case(
    "dragonfly",
    "MAILER-DAEMON@x.example",
    "Mail delivery failed",
    "This is the DragonFly Mail Agent v0.13 at df.example.jp.\n\nThere was an error delivering your mail to <hanako@example.jp>.\n\nmx.example.jp [192.0.2.1] did not like our RCPT TO:\n552 5.2.2 <hanako@example.jp>: Recipient address rejected: Mailbox full\n\nOriginal message headers follow.\n\n"
    + COPY,
    [H],
    "soft",
)
case(
    "mfilter",
    "m-FILTER <postmaster@x.example>",
    "failure notice",
    "-------server message \n550 5.1.1 unknown user <hanako@example.jp>\n\n-------SMTP command\nRCPT TO <hanako@example.jp>\n\n-------original message\n"
    + COPY,
    [H],
    "hard",
    headers="X-Mailer: m-FILTER\n",
)
case(
    "messagingserver",
    "Internet Mail Delivery <postmaster@x.example>",
    "Delivery Notification: Delivery has failed",
    "This report relates to a message you sent with the following header fields:\n\n  Message-id: <ours@mail.shop.example>\n  Date: x\n  From: desk@shop.example\n  To: hanako@example.jp\n  Subject: hello\n\nYour message cannot be delivered to the following recipients:\n\n  Recipient address: hanako@example.jp\n  Reason: Remote SMTP server has rejected address\n  Diagnostic code: smtp;550 5.1.1 <hanako@example.jp>... User Unknown\n  Remote system: dns;mx.example.jp\n",
    [H],
    "hard",
)
case(
    "mailru-full",
    "Mail Delivery System <Mailer-Daemon@mxs.mail.ru>",
    "Mail delivery failed: returning message to sender",
    "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  hanako@mail.ru\n    SMTP error from remote mail server after RCPT TO:<hanako@mail.ru>:\n    552 5.2.2 Quota exceeded\n",
    ["hanako@mail.ru"],
    "soft",
)
case(
    "bigfoot",
    "Mail Delivery Subsystem <MAILER-DAEMON@bigfoot.com>",
    "Undeliverable mail",
    "   ----- The following addresses had delivery problems -----\n<hanako@example.jp> (unrecoverable error)\n   ----- Transcript of session follows -----\n>>> RCPT TO:<hanako@example.jp>\n<<< 553 Invalid recipient hanako@example.jp (Mode: normal)\n",
    [H],
    "hard",
)
case(
    "gsuite",
    "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    "Delivery Status Notification (Failure)",
    "** Address not found **\n\nYour message wasn't delivered to hanako@example.jp because the address couldn't be found. Check for typos or unnecessary spaces and try again.\n\nThe response was:\n\nDNS Error: 12345 DNS type 'mx' lookup of example.jp responded with code NXDOMAIN\n",
    [H],
    "hard",
)
case(
    "gsuite2",
    "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    "Delivery Status Notification (Delay)",
    "** Delivery incomplete **\n\nThere was a temporary problem delivering your message to hanako@example.jp. Gmail will retry for 47 more hours. You'll be notified if the delivery fails permanently.\n",
    [H],
    "transient",
)
case(
    "gsuite3",
    "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    "Delivery Status Notification (Failure)",
    "** Message blocked **\n\nYour message to hanako@example.jp has been blocked. See technical details below for more information.\n\nThe response from the remote server was:\n554 5.7.1 Service unavailable; Client host blocked\n",
    [H],
    "soft",
)
case(
    "outlookcom",
    "postmaster@outlook.com",
    "Undeliverable: hello",
    "Delivery has failed to these recipients or distribution lists:\n\nhanako@hotmail.com\n\nThe recipient's mailbox is full and can't accept messages now.\n\n",
    ["hanako@hotmail.com"],
    "soft",
)
case(
    "aol",
    "Mail Delivery Subsystem <MAILER-DAEMON@aol.com>",
    "Returned mail: User unknown",
    'The original message was received at x\nfrom y\n\n*** ATTENTION ***\n\nYour e-mail is being returned to you because there was a problem with its\ndelivery.  The address which was undeliverable is listed in the section\nlabeled: "----- The following addresses had permanent fatal errors -----".\n\nThe reason your mail is being returned to you is listed in the section\nlabeled: "----- Transcript of Session Follows -----".\n\n        --AOL Postmaster\n\n   ----- The following addresses had permanent fatal errors -----\n<hanako@aol.com>\n\n   ----- Transcript of session follows -----\n... while talking to air-yi01.mail.aol.com.:\n>>> RCPT To:<hanako@aol.com>\n<<< 550 hanako IS NOT ACCEPTING MAIL FROM THIS SENDER\n550 <hanako@aol.com>... User unknown\n',
    ["hanako@aol.com"],
)
case(
    "ipost-de",
    "MAILER-DAEMON@web.de",
    "Nachricht nicht zustellbar",
    "Die folgende Nachricht konnte nicht zugestellt werden:\n\nhanako@web.de\n\nEmpfänger unbekannt\n",
    ["hanako@web.de"],
    headers=JA,
)
case(
    "lotus-jp",
    "postmaster@x.example",
    "配信不能: ユーザー 花子 (hanako@example.jp) はドミノディレクトリにありません",
    "メッセージ\n\n  件名: hello\n\nは次の宛先に配信できませんでした:\n\n  hanako@example.jp\n\n理由:\n\n  ユーザー 花子 (hanako@example.jp) はドミノディレクトリに見つかりません\n",
    [H],
    "hard",
    headers=JA,
)
case(
    "onlycopy",
    "MAILER-DAEMON@x.example",
    "Undelivered Mail Returned to Sender",
    "Could not be delivered.\n\n--- Below this line is a copy of the message.\n\n" + COPY,
    [H],
)
case(
    "html-bounce",
    "Mail Delivery System <MAILER-DAEMON@x.example>",
    "Undeliverable",
    '<html><body><h1>Delivery failed</h1><p>The following recipient was rejected:</p><p><a href="mailto:hanako@example.jp">hanako@example.jp</a></p><p>550 5.1.1 User unknown</p></body></html>',
    [H],
    "hard",
    headers="Content-Type: text/html; charset=utf-8\n",
)

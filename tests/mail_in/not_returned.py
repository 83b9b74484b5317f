"""Letters of people, shops' partners and machines that speak of undelivered things and are no returned mail.

Each row: (name, subject, body, headers, sender, the kinds that are right).
"""

# One letter a row reads better than one a page.

ROWS = []


def ordinary(name, subject, body, headers="", sender="花子 <hanako@example.jp>", kinds=("mail",)):
    ROWS.append((name, subject, body, headers, sender, kinds))


Q = "-----Original Message-----\nFrom: desk@shop.example\nSent: Sunday\nTo: hanako@example.jp\nSubject: ご注文\n\nありがとうございます\n"
QJ = "-----元のメッセージ-----\n差出人: 店 <desk@shop.example>\n宛先: hanako@example.jp\n件名: ご注文\n\nありがとう\n"
for q in (Q, QJ, ""):
    ordinary(
        "todokimasen" + q[:8], "商品が届きません", "まだ届きません。配達できませんでしたと書いてあります。\n\n" + q
    )
    ordinary(
        "henso",
        "返送について",
        "受取人不明で返送されました。住所が見つかりません、存在しませんと言われました。\n\n" + q,
    )
    ordinary("haitatsu", "配達できませんでした", "配達できませんでしたという不在票がありました。\n\n" + q)
    ordinary("mailfail", "メールが届きません", "確認メールが届きません。hanako@example.jp に送信エラーですか?\n\n" + q)
    ordinary(
        "undeliv",
        "Undeliverable mail",
        "I got 'undeliverable' from you: <hanako@example.jp>: user unknown. 550 5.1.1\n\n" + q,
    )
    ordinary(
        "returned",
        "Returned mail",
        "My return was returned to sender, mailbox full. Package could not be delivered.\n\n" + q,
    )
    ordinary(
        "deliveryproblem", "Delivery problem", "The parcel was not delivered. Carrier says address not found.\n\n" + q
    )
    ordinary("deliveryfailed", "Delivery failed", "DHL could not deliver. They say the address does not exist.\n\n" + q)
ordinary(
    "copyheaders", "配達エラー", "配送業者からの文\nReceived: from x\nReturn-Path: <x@y.example>\n届きませんでした\n"
)
INNER = "From: MAILER-DAEMON@x.example\nTo: hanako@example.jp\nSubject: Undelivered Mail Returned to Sender\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\n\nsorry\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; desk@shop.example\nAction: failed\nStatus: 5.1.1\n\n--r--\n"
ordinary(
    "fwd-dsn-att",
    "FW: Undelivered Mail Returned to Sender",
    "--o\nContent-Type: text/plain; charset=utf-8\n\nこのエラーメールが届きました。\n--o\nContent-Type: message/rfc822\n\n"
    + INNER
    + "\n--o--\n",
    "Content-Type: multipart/mixed; boundary=o\n",
)
ordinary(
    "fwd-dsn-att-noprefix",
    "Undelivered Mail Returned to Sender",
    "--o\nContent-Type: text/plain; charset=utf-8\n\nこのエラーメールが届きました。メールが送信できません。\n--o\nContent-Type: message/rfc822\n\n"
    + INNER
    + "\n--o--\n",
    "Content-Type: multipart/mixed; boundary=o\n",
)
ordinary(
    "fwd-dsn-parts",
    "Fwd: Delivery Status Notification (Failure)",
    "--o\nContent-Type: text/plain; charset=utf-8\n\nこういうのが来ました\n--o\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; desk@shop.example\nAction: failed\nStatus: 5.1.1\n\n--o--\n",
    "Content-Type: multipart/mixed; boundary=o\n",
)
ordinary(
    "fwd-inline",
    "Fwd: failure notice",
    "これは何ですか?\n\n---------- Forwarded message ---------\nFrom: MAILER-DAEMON@yahoo.co.jp\nTo: hanako@example.jp\nSubject: failure notice\n\nUnable to deliver message to the following address(es).\n\n<desk@shop.example>:\nuser unknown\n\n--- Original message follows.\nReturn-Path: <hanako@example.jp>\n",
)
ordinary(
    "fwd-inline-ja",
    "転送: メールが返ってきました",
    "> This is the mail system at host x.\n> <desk@shop.example>: host said: 550 5.1.1 user unknown\n",
)
ordinary(
    "root",
    "cron report",
    "could not be sent; backup failed for user a@example.jp\n",
    sender="root@example.jp",
    kinds=("mail", "auto_reply", "bounce"),
)
ordinary(
    "pm",
    "お知らせ",
    "メールサーバーの定期保守のお知らせです。期間中はメールを送信できません。\nお問い合わせ: support@isp.example\n",
    sender="postmaster@isp.example",
    kinds=("mail", "auto_reply"),
)
ordinary(
    "ooo",
    "Automatic reply: ご注文",
    "I am out of office. Mail will not be delivered to my colleague a@example.jp. Contact: b@example.jp\n",
    "Auto-Submitted: auto-replied\nReturn-Path: <>\n",
    kinds=("auto_reply",),
)
ordinary(
    "ooo-null",
    "不在のお知らせ",
    "不在にしております。急ぎの方は b@example.jp まで。メールは読めません\n",
    "Return-Path: <>\n",
    kinds=("auto_reply",),
)
ordinary(
    "moved",
    "メールアドレス変更のお知らせ",
    "アドレスを変更しました。旧 hanako@old.example は使えません。新 hanako@new.example\n",
)
ordinary(
    "formnull",
    "お問い合わせ",
    "商品が届きません。住所が存在しませんと言われました。\nhanako@example.jp\n",
    "Return-Path: <>\n",
    sender="花子 <hanako@example.jp>",
)
ordinary(
    "formnull2", "Contact form", "My parcel could not be delivered. user: hanako@example.jp\n", "Return-Path: <>\n"
)
ordinary(
    "mdn",
    "開封済み: ご注文",
    "--o\n\nYour message was read on Sunday\n--o\nContent-Type: message/disposition-notification\n\nReporting-UA: x\nFinal-Recipient: rfc822; hanako@example.jp\nDisposition: manual-action/MDN-sent-manually; displayed\n\n--o--\n",
    "Content-Type: multipart/report; report-type=disposition-notification; boundary=o\n",
    kinds=("mail", "auto_reply"),
)
ordinary(
    "mdn-del",
    "未開封のまま削除: ご注文",
    "--o\n\nYour message was deleted without being read\n--o\nContent-Type: message/disposition-notification\n\nReporting-UA: x\nFinal-Recipient: rfc822; hanako@example.jp\nDisposition: manual-action/MDN-sent-manually; deleted\n\n--o--\n",
    "Content-Type: multipart/report; report-type=disposition-notification; boundary=o\n",
    kinds=("mail", "auto_reply"),
)
ordinary(
    "yamato",
    "【ヤマト運輸】お届けできませんでした",
    "お荷物をお届けできませんでした。宛先不明です。伝票番号 1234\n",
    sender="mail@kuronekoyamato.co.jp",
)
ordinary(
    "sagawa",
    "配達エラー 返送のご連絡",
    "宛先不明のため返送いたします。届けられませんでした。\n\n" + QJ,
    sender="noreply@sagawa.example",
)

ordinary(
    "complaint",
    "Complaint about message from your staff",
    "--o\nContent-Type: text/plain; charset=utf-8\n\nThis is what I was sent.\n--o\n"
    "Content-Type: message/rfc822\n\nFrom: desk@shop.example\nTo: hanako@example.jp\nSubject: x\n\nx\n--o--\n",
    "Content-Type: multipart/mixed; boundary=o\n",
)


def raw(row):
    _name, subject, body, headers, sender, _kinds = row
    kind = "" if "Content-Type" in headers else "Content-Type: text/plain; charset=utf-8\n"
    return f"From: {sender}\nTo: desk@shop.example\nSubject: {subject}\nMIME-Version: 1.0\n{headers}{kind}\n{body}".encode()

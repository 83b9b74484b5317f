import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shopdesk.mail import parse_child
from shopdesk.mail.parsing import Address, ParsedMail


def as_json(file: str, mail: ParsedMail) -> dict[str, Any]:
    """What the command prints for one file."""

    def people(some: tuple[Address, ...]) -> list[dict[str, str]]:
        return [{"name": one.name, "address": one.address} for one in some]

    return {
        "file": file,
        "subject": mail.subject,
        "from": people((mail.sender,))[0],
        "reply_to": people(mail.reply_to),
        "to": people(mail.to),
        "cc": people(mail.cc),
        "date": mail.date.isoformat() if mail.date else None,
        "message_id": mail.message_id,
        "in_reply_to": mail.in_reply_to,
        "references": list(mail.references),
        "text": mail.text,
        "reply_text": mail.reply_text,
        "html": mail.html,
        "attachments": [
            {
                "name": a.name,
                "type": a.type,
                "size": a.size,
                "sha256": a.sha256,
                "inline": a.inline,
                "content_id": a.content_id,
            }
            for a in mail.attachments
        ],
        "kind": mail.kind.value,
        "bounce": {
            "recipients": [
                {"address": r.address, "status": r.status, "reason": r.reason, "hard": r.hard, "strength": r.strength}
                for r in mail.bounce.recipients
            ],
            "original_message_id": mail.bounce.original_message_id,
        },
        "problems": list(mail.problems),
    }


class Command(BaseCommand):
    help = "Read mails as we read incoming ones and print one JSON object a line."
    requires_system_checks: list[str] = []  # noqa: RUF012  # Django's own form; nothing but files is touched

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")

    def handle(self, *args: object, **options: Any) -> None:
        for file in options["files"]:
            try:
                raw = Path(file).read_bytes()
            except OSError as error:
                raise CommandError(f"{file}: {error.strerror}") from error
            mail = parse_child.parse_safely(raw)
            self.stdout.write(json.dumps(as_json(file, mail), ensure_ascii=False))
        parse_child.close()

"""The demo's templates, tags, macros and rules; their texts lie in ``demo/texts.yaml``."""

from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from inquiries.models import Macro, Rule, StatusLabel, Tag, Template

_FILE = Path(__file__).parent / "demo" / "texts.yaml"


@transaction.atomic
def load() -> None:
    """Write them. Nothing happens where there are templates already."""
    if Template.objects.exists():
        return
    content: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    for position, row in enumerate(content["templates"]):
        words = {**row, "body_ja": row["body_ja"].strip(), "body_en": row.get("body_en", "").strip()}
        Template.objects.create(**words, position=position, uses=max(12 - position, 0))
    for name in content["tags"]:
        Tag.objects.get_or_create(name=name)
    for position, row in enumerate(content["macros"]):
        Macro.objects.create(name=row["name"], acts=_acts(row["acts"]), position=position)
    for position, row in enumerate(content["rules"]):
        Rule.objects.create(
            name=row["name"], event=row["event"], conditions=row["conditions"], acts=_acts(row["acts"]),
            position=position, is_active=row.get("is_active", False),
        )  # fmt: skip


def _acts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Acts with the ids of what the file calls by name."""
    tables: dict[str, Any] = {"template": Template, "tag": Tag}
    acts = []
    for row in rows:
        act = dict(row)
        for key, table in tables.items():
            if isinstance(act.get(key), str):
                act[key] = table.objects.get(name=act[key]).pk
        if isinstance(act.get("label"), str):
            act["label"] = StatusLabel.objects.get(name_ja=act["label"]).pk
        acts.append(act)
    return acts

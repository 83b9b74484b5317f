"""The starter list of synonyms: general words of an online shop. Staff may change or remove each of them."""

from pathlib import Path

from django.db import migrations

STARTER = Path(__file__).resolve().parent.parent / "starter"


def groups(language):
    for line in (STARTER / f"synonyms_{language}.txt").read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.removeprefix("=").strip(), line.startswith("=")


def add(apps, schema_editor):
    Synonym = apps.get_model("faq", "Synonym")
    Synonym.objects.bulk_create(
        Synonym(language=language, words=words, spelling=spelling)
        for language in ("ja", "en")
        for words, spelling in groups(language)
    )


class Migration(migrations.Migration):
    dependencies = [("faq", "0002_search")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]

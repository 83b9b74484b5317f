"""Table pages of categories and synonyms."""

from typing import ClassVar

from django.contrib import admin

from faq.models import Category, Synonym
from shopdesk.accounts.permissions import P
from shopdesk.accounts.recording import RecordedModelAdmin


@admin.register(Category)
class CategoryAdmin(RecordedModelAdmin[Category]):
    permission = P.FAQ_EDIT
    list_display = ("__str__", "slug", "name_ja", "name_en", "position")
    list_editable = ("position",)
    search_fields = ("slug", "name_ja", "name_en")


@admin.register(Synonym)
class SynonymAdmin(RecordedModelAdmin[Synonym]):
    permission = P.FAQ_EDIT
    list_display = ("words", "spelling", "language")
    list_filter: ClassVar = ["language", "spelling"]
    search_fields = ("words",)

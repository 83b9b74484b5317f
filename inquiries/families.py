"""Inquiries that were merged: which belong together, and where the conversation goes on."""

from django.db import connection

from inquiries.models import Inquiry

# UNION, not UNION ALL: a circle, which merging refuses to make, would end here too.
_DOWN = """
WITH RECURSIVE family(id) AS (
    SELECT %s::bigint UNION SELECT row.id FROM inquiries_inquiry AS row JOIN family ON row.merged_into_id = family.id
) SELECT id FROM family ORDER BY id
"""


def family(inquiry: Inquiry) -> list[int]:
    """The inquiry and everything merged into it, however often: whose messages are shown together. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_DOWN, [inquiry.pk])
        return [pk for (pk,) in cursor.fetchall()]

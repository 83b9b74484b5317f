"""Inquiries that were merged: which belong together, and where the conversation goes on."""

from django.db import connection, transaction

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


def held(pk: int) -> tuple[Inquiry, Inquiry]:
    """The inquiry and the one where its conversation goes on, both held, in the order of their keys and read fresh; the
    same row twice for one that was not merged. In the caller's transaction.

    Where somebody merges or un-merges meanwhile, both are let go and looked for again.
    """
    rows = Inquiry.objects.select_related("store", "category", "order", "customer")
    while True:
        savepoint = transaction.savepoint()
        end = _end(pk)
        found = rows.held(pk, end)
        if _end(pk) == end:
            transaction.savepoint_commit(savepoint)
            return found[pk], found[end]
        transaction.savepoint_rollback(savepoint)


_UP = """
WITH RECURSIVE chain(id, next) AS (
    SELECT id, merged_into_id FROM inquiries_inquiry WHERE id = %s
    UNION SELECT row.id, row.merged_into_id FROM inquiries_inquiry AS row JOIN chain ON row.id = chain.next
) SELECT id FROM chain WHERE next IS NULL
"""


def _end(pk: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_UP, [pk])
        row = cursor.fetchone()
    return row[0] if row else pk

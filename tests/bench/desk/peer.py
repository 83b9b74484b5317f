"""django-helpdesk's addresses, and its tables filled with the same inquiries."""

from django.urls import include, path

urlpatterns = [path("", include("helpdesk.urls", namespace="helpdesk"))]

FILL = """
INSERT INTO helpdesk.helpdesk_ticket (id, title, queue_id, created, modified, submitter_email, assigned_to_id, status,
  on_hold, description, resolution, priority, due_date, secret_key)
SELECT i.id, i.subject, 1, i.opened_at, i.last_activity_at, i.email, 1 + i.assignee_id % 8,
  CASE i.status WHEN 'solved' THEN 3 WHEN 'spam' THEN 4 ELSE 1 END, i.status = 'hold', m.body, '', 3, i.reply_due_at,
  md5(i.id::text)
FROM public.inquiries_inquiry i
JOIN LATERAL (SELECT body FROM public.inquiries_message WHERE inquiry_id = i.id ORDER BY at, id LIMIT 1) m ON true;
INSERT INTO helpdesk.helpdesk_followup (ticket_id, date, title, comment, public, user_id, new_status, time_spent)
SELECT inquiry_id, at, 'Comment', body, true, CASE WHEN kind = 'reply' THEN 1 + inquiry_id % 8 END, NULL, NULL
FROM (SELECT *, row_number() OVER (PARTITION BY inquiry_id ORDER BY at, id) AS turn FROM public.inquiries_message) m
WHERE turn > 1;
"""


def fill(say=print):
    """Run under peer_settings: schema, tables, users, tickets. Gives the session's cookie."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from helpdesk.models import Queue

    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS helpdesk")
    call_command("migrate", verbosity=0)
    people = [
        User.objects.create_user(f"agent{n}", password="bench", is_staff=True, is_superuser=n == 0) for n in range(8)
    ]
    assert people[0].pk == 1
    Queue.objects.create(pk=1, title="Desk", slug="desk", email_address="desk@shop.example")
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT count(*) FROM helpdesk_followup")
        say(f"django-helpdesk: {cursor.fetchone()[0]} answers copied")
    client = Client()
    client.force_login(people[0])
    return client.cookies["sessionid"].value

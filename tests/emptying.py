"""Brings the tables back to what the migrations left, after a test with ``transaction=True``.

Django truncates every table, which costs PostgreSQL 0.1 to 0.2 s for a hundred of them, and writes all permissions
again. After a test most tables are as empty as before; here only those are touched that are not as they were.
"""

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction

# Deleted rows leave room behind that nothing takes back in the tests' PostgreSQL; a table larger than this is tidied.
ROOMY_BYTES = 1 << 20


def _names(tables):
    return ", ".join(f'"{table}"' for table in tables)


def _content(cursor, table):
    with cursor.copy(f'COPY "{table}" TO STDOUT') as rows:  # our own table names
        return b"".join(bytes(row) for row in rows)


class Tables:
    """The tables of all models and their rows at the moment of ``Tables()``, which ``restore()`` brings back.

    Sequences go on, as after Django's own emptying.
    """

    def __init__(self):
        self.names = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)})
        self.cache = settings.CACHES["default"]["LOCATION"]
        questions = [f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in self.names]  # noqa: S608  # our own
        self.filled = " UNION ALL ".join(questions)
        connection.ensure_connection()
        with connection.connection.cursor() as cursor:
            self.seeds = {name: found for name in self.names if (found := _content(cursor, name))}

    def restore(self):
        with transaction.atomic():
            roomy = self._restore(connection.connection)
        if roomy:
            with connection.cursor() as cursor:
                cursor.execute(f"VACUUM {_names(roomy)}")

    def _restore(self, raw):
        """Gives the tables that are to be tidied."""
        with raw.cursor() as cursor:
            # Whoever still writes is waited for, and nobody writes while this looks: no row slips into the next test.
            cursor.execute(f"LOCK TABLE {_names(self.names)} IN ACCESS EXCLUSIVE MODE")
            cursor.execute("SET LOCAL session_replication_role = replica")  # rows go and come in any order
            cursor.execute(self.filled)
            filled = {name for (name,) in cursor.fetchall()}
            changed = sorted(name for name in filled | set(self.seeds) if self._changed(cursor, name, filled))
            for name in changed:
                cursor.execute(f'DELETE FROM "{name}"')  # noqa: S608  # our own table names
                if name in self.seeds:
                    with cursor.copy(f'COPY "{name}" FROM STDIN') as rows:
                        rows.write(self.seeds[name])
            cursor.execute(f'DELETE FROM "{self.cache}"')  # noqa: S608  # our own table name
            cursor.execute(
                "SELECT name FROM unnest(%s::text[]) name WHERE pg_relation_size(quote_ident(name)) > %s",
                [changed, ROOMY_BYTES],
            )
            return [name for (name,) in cursor.fetchall()]

    def _changed(self, cursor, name, filled):
        if name not in self.seeds:
            return True
        return name not in filled or _content(cursor, name) != self.seeds[name]

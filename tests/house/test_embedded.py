from django.db import connection


def test_the_database_is_private_and_real(db):
    with connection.cursor() as cursor:
        cursor.execute("select version()")
        assert cursor.fetchone()[0].startswith("PostgreSQL 18")
    assert connection.settings_dict["HOST"].startswith("/")

"""The application under measurement, saying in each answer how many queries and how much CPU it took."""

import time

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection

_application = get_wsgi_application()
if settings.WSGI_APPLICATION == "shopdesk.wsgi.application":
    import shopdesk.wsgi  # noqa: F401  # what it reads beforehand; the floor and the peer have nothing of the kind


def application(environ, start_response):
    queries = 0

    def count(execute, sql, params, many, context):
        nonlocal queries
        queries += 1
        return execute(sql, params, many, context)

    def answer(status, headers, exc_info=None):
        cost = [("X-Queries", str(queries)), ("X-Cpu-Ms", f"{(time.thread_time() - started) * 1000:.2f}")]
        return start_response(status, [*headers, *cost], exc_info)

    started = time.thread_time()
    with connection.execute_wrapper(count):
        return _application(environ, answer)

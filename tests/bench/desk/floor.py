"""One view: 25 rows by a template, from one query that an index answers."""

from django.db import models
from django.http import HttpResponse
from django.template import Context, engines
from django.urls import path


class Row(models.Model):
    """A line of the list, straight from the table."""

    number = models.CharField(max_length=20)
    subject = models.CharField(max_length=200)
    name = models.CharField(max_length=100)
    status = models.CharField(max_length=10)
    last_activity_at = models.DateTimeField()

    class Meta:
        app_label = "floor"
        managed = False
        db_table = "inquiries_inquiry"

    def __str__(self):
        return self.number


PAGE = """<!doctype html><title>floor</title><table>{% for row in rows %}<tr><td>{{ row.number }}</td>
<td>{{ row.subject }}</td><td>{{ row.name }}</td><td>{{ row.status }}</td>
<td>{{ row.last_activity_at|date:"Y-m-d H:i" }}</td></tr>
{% endfor %}</table>"""


def index(request):
    """The newest 25."""
    rows = Row.objects.order_by("-last_activity_at", "-pk")[:25]
    template = engines["django"].from_string(PAGE).template
    return HttpResponse(template.render(Context({"rows": list(rows)})))


urlpatterns = [path("", index)]

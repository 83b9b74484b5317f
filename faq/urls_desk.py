"""Staff addresses of the FAQ."""

from django.urls import path

from faq.views import desk

app_name = "desk-faq"
urlpatterns = [
    path("", desk.index, name="list"),
    path("new/", desk.new, name="new"),
    path("preview/", desk.preview, name="preview"),
    path("searches/", desk.searches, name="searches"),
    path("searches/done/", desk.search_done, name="search-done"),
    path("<int:pk>/", desk.edit, name="edit"),
]

"""Staff addresses."""

from django.urls import path

from returns.views import desk

app_name = "desk-returns"
urlpatterns = [
    path("", desk.index, name="list"),
    path("<int:pk>/", desk.detail, name="detail"),
    path("<int:pk>/approve/", desk.approve, name="approve"),
    path("<int:pk>/decline/", desk.decline, name="decline"),
    path("<int:pk>/receive/", desk.receive, name="receive"),
    path("<int:pk>/complete/", desk.complete, name="complete"),
]

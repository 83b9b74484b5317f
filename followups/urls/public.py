"""Public addresses."""

from django.urls import path

from followups.views import public

app_name = "followups"
urlpatterns = [
    path("u/<str:token>/", public.unsubscribe, name="unsubscribe"),
    path("<str:token>/", public.preferences, name="preferences"),
]

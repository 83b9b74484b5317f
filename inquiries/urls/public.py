"""Public addresses."""

from django.urls import path

from inquiries.views import public

app_name = "inquiries"
urlpatterns = [
    path("", public.contact, name="contact"),
    path("thanks/<str:token>/", public.thanks, name="thanks"),
]

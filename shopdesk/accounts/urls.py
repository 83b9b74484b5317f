"""Sign-in and one's own account. Signing up and changing the login address belong to the owner, so those two of
allauth's pages are shut."""

from django.urls import include, path

from shopdesk.accounts import views

urlpatterns = [
    path("language/", views.set_language, name="set_language"),
    path("profile/", views.profile, name="profile"),
    path("signup/", views.shut),
    path("email/", views.shut),
    path("", include("allauth.urls")),
]

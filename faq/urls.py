"""Public addresses of the help centre."""

from django.urls import path

from faq.views import public

app_name = "faq"
urlpatterns = [
    path("", public.home, name="home"),
    path("faq/search/", public.results, name="search"),
    path("faq/suggest/", public.suggest, name="suggest"),
    path("faq/c/<slug:slug>/", public.category, name="category"),
    path("faq/<int:pk>/", public.article, name="article"),
    path("faq/<int:pk>/vote/", public.vote, name="vote"),
]

"""Public addresses."""

from django.urls import path

from returns.views import portal

app_name = "returns"
urlpatterns = [
    path("", portal.start, name="start"),
    path("code/", portal.code, name="code"),
    path("enter/<str:token>/", portal.enter, name="enter"),
    path("order/<slug:ref>/", portal.request_return, name="request"),
    path("case/<str:number>/", portal.case, name="case"),
    path("case/<str:number>/withdraw/", portal.withdraw, name="withdraw"),
]

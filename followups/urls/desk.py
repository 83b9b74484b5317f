"""Staff addresses."""

from django.urls import path

from followups.views import desk, sequences

app_name = "desk-followups"
urlpatterns = [
    path("", desk.index, name="list"),
    path("<int:pk>/", desk.planned, name="planned"),
    path("<int:pk>/release/", desk.release, name="release"),
    path("<int:pk>/hold/", desk.hold, name="hold"),
    path("<int:pk>/cancel/", desk.cancel, name="cancel"),
    path("sequences/", sequences.sequences, name="sequences"),
    path("sequences/<int:pk>/", sequences.sequence, name="sequence"),
    path("sequences/<int:pk>/status/", sequences.set_status, name="sequence-status"),
    path("sequences/<int:pk>/steps/add/", sequences.add_step, name="add-step"),
    path("steps/<int:pk>/", sequences.step, name="step"),
    path("campaigns/<int:pk>/", sequences.campaign, name="campaign"),
    path("restock/", sequences.restock, name="restock"),
    path("restock/<int:pk>/", sequences.restocked, name="restocked"),
]

"""Staff addresses of the life of an inquiry: status, hold, tags, classification, merging, work in bulk."""

from django.urls import path

from inquiries.views import bulk, life, menus, merges

urlpatterns = [
    path("bulk/", bulk.choose, name="bulk"),
    path("bulk/start/", bulk.start, name="bulk-start"),
    path("bulk/runs/", bulk.runs, name="bulk-runs"),
    path("bulk/<int:pk>/", bulk.run, name="bulk-run"),
    path("bulk/<int:pk>/back/", bulk.take_back, name="bulk-back"),
    path("messages/<int:pk>/split/", merges.split, name="split"),
    path("<int:pk>/menu/<slug:kind>/", menus.menu, name="menu"),
    path("<int:pk>/status/", life.status, name="status"),
    path("<int:pk>/status/undo/<int:event_pk>/", life.undo, name="undo-status"),
    path("<int:pk>/assign/", life.assign, name="assign"),
    path("<int:pk>/snooze/", life.snooze, name="snooze"),
    path("<int:pk>/wake/", life.wake, name="wake"),
    path("<int:pk>/tags/", life.tags, name="tags"),
    path("<int:pk>/classify/", life.classify, name="classify"),
    path("<int:pk>/merge/", merges.merge, name="merge"),
    path("<int:pk>/unmerge/", merges.unmerge, name="unmerge"),
]

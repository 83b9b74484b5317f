"""Staff addresses."""

from django.urls import path

from inquiries.views import desk, live, palette, received, saved, writing

app_name = "desk-inquiries"
urlpatterns = [
    path("", desk.index, name="list"),
    path("poll/", live.poll, name="poll"),
    path("palette/", palette.palette, name="palette"),
    path("views/", saved.index, name="views"),
    path("views/new/", saved.new, name="view-new"),
    path("views/default/", saved.default, name="view-default"),
    path("views/<int:pk>/", saved.edit, name="view-edit"),
    path("views/<int:pk>/delete/", saved.delete, name="view-delete"),
    path("new/", desk.new, name="new"),
    path("attachments/<int:pk>/", desk.attachment, name="attachment"),
    path("attachments/<int:pk>/picture/", received.picture, name="picture"),
    path("attachments/<int:pk>/thumbnail/", received.thumbnail, name="thumbnail"),
    path("messages/<int:pk>/html/", received.html, name="message-html"),
    path("<int:pk>/", desk.detail, name="detail"),
    path("<int:pk>/panels/", desk.panels, name="panels"),
    path("<int:pk>/reply/", writing.reply, name="reply"),
    path("<int:pk>/note/", writing.note, name="note"),
    path("<int:pk>/draft/", writing.draft, name="draft"),
    path("<int:pk>/draft/<int:draft_pk>/take/", writing.take_draft, name="take-draft"),
    path("<int:pk>/take/", desk.take, name="take"),
    path("<int:pk>/assign/", desk.assign, name="assign"),
    path("<int:pk>/status/", desk.status, name="status"),
    path("<int:pk>/category/", desk.category, name="category"),
]

"""Staff addresses."""

from django.urls import path

from inquiries.urls import life, texts, turns
from inquiries.views import composing, desk, exports, live, palette, prepared, received, saved, sending, writing

app_name = "desk-inquiries"
urlpatterns = [
    *life.urlpatterns,
    *texts.urlpatterns,
    *turns.urlpatterns,
    path("", desk.index, name="list"),
    path("poll/", live.poll, name="poll"),
    path("palette/", palette.palette, name="palette"),
    path("views/", saved.index, name="views"),
    path("views/new/", saved.new, name="view-new"),
    path("views/default/", saved.default, name="view-default"),
    path("views/<int:pk>/", saved.edit, name="view-edit"),
    path("views/<int:pk>/delete/", saved.delete, name="view-delete"),
    path("new/", desk.new, name="new"),
    path("export/", exports.export, name="export"),
    path("attachments/<int:pk>/", desk.attachment, name="attachment"),
    path("attachments/<int:pk>/picture/", received.picture, name="picture"),
    path("attachments/<int:pk>/thumbnail/", received.thumbnail, name="thumbnail"),
    path("messages/<int:pk>/html/", received.html, name="message-html"),
    path("<int:pk>/", desk.detail, name="detail"),
    path("<int:pk>/panels/", desk.panels, name="panels"),
    path("<int:pk>/reply/", sending.reply, name="reply"),
    path("<int:pk>/ask/", sending.ask, name="ask"),
    path("messages/<int:pk>/take-back/", sending.take_back, name="take-back"),
    path("approvals/", prepared.approvals, name="approvals"),
    path("prepared/<int:pk>/decide/", prepared.decide, name="prepared-decide"),
    path("prepared/<int:pk>/send/", prepared.send, name="prepared-send"),
    path("prepared/<int:pk>/move/", prepared.move, name="prepared-move"),
    path("prepared/<int:pk>/withdraw/", prepared.withdraw, name="prepared-withdraw"),
    path("prepared/<int:pk>/seen/", prepared.seen, name="prepared-seen"),
    path("<int:pk>/note/", writing.note, name="note"),
    path("<int:pk>/thread/", desk.thread, name="thread"),
    path("<int:pk>/draft/", composing.draft, name="draft"),
    path("<int:pk>/ways/", composing.ways, name="ways"),
    path("<int:pk>/senders/", composing.senders_of, name="senders"),
    path("<int:pk>/draft/<int:draft_pk>/take/", composing.take_draft, name="take-draft"),
    path("<int:pk>/draft/files/", composing.files, name="draft-files"),
    path("<int:pk>/draft/files/<int:file_pk>/remove/", composing.remove_file, name="draft-file-remove"),
    path("<int:pk>/colleagues/", composing.colleagues, name="colleagues"),
    path("<int:pk>/note/<int:message_pk>/read/", composing.read_note, name="read-note"),
    path("<int:pk>/take/", desk.take, name="take"),
    path("<int:pk>/category/", desk.category, name="category"),
]

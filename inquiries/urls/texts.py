"""Addresses of what helps to write and to act: templates, articles, macros, rules."""

from django.urls import path

from inquiries.views import editors, macros, pickers, rules, templates

urlpatterns = [
    path("templates/", templates.index, name="templates"),
    path("templates/new/", templates.add, name="template-add"),
    path("templates/preview/", templates.preview, name="template-preview"),
    path("templates/files/<int:pk>/", templates.file, name="template-file"),
    path("templates/<int:pk>/", templates.edit, name="template"),
    path("templates/<int:pk>/copy/", templates.copy, name="template-copy"),
    path("templates/<int:pk>/delete/", templates.delete, name="template-delete"),
    path("templates/<int:pk>/move/", templates.move, name="template-move"),
    path("macros/", macros.index, name="macros"),
    path("macros/new/", macros.add, name="macro-add"),
    path("macros/<int:pk>/", macros.edit, name="macro"),
    path("macros/<int:pk>/delete/", macros.delete, name="macro-delete"),
    path("rules/", rules.index, name="rules"),
    path("rules/new/", rules.add, name="rule-add"),
    path("rules/hits/", rules.hits, name="rule-hits"),
    path("rules/<int:pk>/", rules.edit, name="rule"),
    path("rules/<int:pk>/switch/", rules.switch, name="rule-switch"),
    path("rules/<int:pk>/delete/", rules.delete, name="rule-delete"),
    path("rows/condition/", editors.condition_row, name="condition-row"),
    path("rows/act/", editors.act_row, name="act-row"),
    path("<int:pk>/templates/", pickers.templates, name="template-picker"),
    path("<int:pk>/shortcuts/", pickers.shortcuts, name="shortcuts"),
    path("<int:pk>/templates/<int:template_pk>/use/", pickers.use_template, name="template-use"),
    path("<int:pk>/articles/", pickers.articles, name="faq-picker"),
    path("<int:pk>/articles/beside/", pickers.articles_beside, name="faq-panel"),
    path("<int:pk>/articles/<int:article_pk>/use/", pickers.use_article, name="faq-use"),
    path("<int:pk>/macros/", macros.menu, name="macro-menu"),
    path("<int:pk>/macros/<int:macro_pk>/run/", macros.run, name="macro-run"),
]

"""The components keep what was typed, tie errors to their fields, and never let text through as markup."""

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template.loader import render_to_string
from django.utils import translation


class Letter(forms.Form):
    mail = forms.EmailField(label="Mail", help_text="Where we answer.")
    agree = forms.BooleanField(label="Agree")
    how = forms.ChoiceField(label="How", choices=[("a", "Exchange"), ("b", "Refund")], widget=forms.RadioSelect)
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea)
    token = forms.CharField(widget=forms.HiddenInput, required=False)


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


def draw(name, **context):
    return render_to_string(f"components/{name}.html", context)


def test_a_field_with_an_error_keeps_what_was_typed_and_names_its_error():
    form = Letter({"mail": 'hana"ko<b>'})
    html = draw("field", field=form["mail"])
    assert 'value="hana&quot;ko&lt;b&gt;"' in html
    assert "<b>" not in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_mail_helptext id_mail_error"' in html
    assert 'id="id_mail_helptext"' in html
    assert 'id="id_mail_error"' in html
    assert '<label class="field-label" for="id_mail">' in html


def test_required_and_optional_are_said():
    assert '<span class="required">required</span>' in draw("field", field=Letter()["mail"])
    note = draw("field", field=Letter()["note"], optional=True)
    assert '<span class="optional">optional</span>' in note
    assert "required</span>" not in note


def test_a_checkbox_stands_before_its_label_and_radios_share_a_legend():
    box = draw("field", field=Letter()["agree"])
    assert box.index("<input") < box.index("<label")
    radios = draw("field", field=Letter()["how"])
    assert radios.startswith("<fieldset")
    assert "<legend" in radios
    assert radios.count('type="radio"') == 2


def test_a_hidden_field_has_no_label():
    assert "<label" not in draw("field", field=Letter()["token"])


def test_the_errors_of_a_form_are_announced_once():
    form = Letter({})
    form.add_error(None, "<script>alert(1)</script>")
    html = draw("errors", form=form)
    assert html.count('role="alert"') == 1
    assert "<script>" not in html
    assert draw("errors", form=Letter()).strip() == ""


def test_pages_keep_the_other_questions(rf):
    page = Paginator(range(120), 50).page(2)
    html = render_to_string("components/pagination.html", {"page": page}, request=rf.get("/?q=mug&page=2"))
    assert 'href="?q=mug&amp;page=1"' in html
    assert 'href="?q=mug&amp;page=3"' in html
    assert "51–100 of 120" in html


def test_a_single_page_has_no_pager(rf):
    page = Paginator(range(3), 50).page(1)
    assert render_to_string("components/pagination.html", {"page": page}, request=rf.get("/")).strip() == ""

"""The palette says so when it has nothing for the words."""

import pytest
from django.urls import reverse

from tests.inquiries.make import make_inquiry

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("words", ["該当なしの言葉", "<b>該当なし</b>"])
def test_words_that_nothing_matches_are_answered_in_words(client, agent, words):
    make_inquiry()
    client.force_login(agent)
    text = client.get(reverse("desk-inquiries:palette"), {"q": words}).content.decode()
    assert "に一致するものはありません。" in text
    assert "<b>" not in text


def test_nothing_is_said_before_a_word_is_typed(client, agent):
    client.force_login(agent)
    assert "一致する" not in client.get(reverse("desk-inquiries:palette")).content.decode()

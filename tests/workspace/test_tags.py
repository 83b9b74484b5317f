"""Tags: the state of the moment, apart from what the figures count."""

import pytest

from inquiries import tagging
from inquiries.models import Tag
from inquiries.sentences import sentence
from tests.inquiries.make import make_inquiry


def test_tags_are_added_and_removed_once(db, now, agent):
    inquiry = make_inquiry()
    sample, vip = Tag.objects.create(name="見本送付"), Tag.objects.create(name="VIP", tone="warn")
    assert tagging.add(inquiry, [sample, vip], by=agent, now=now) is True
    assert tagging.add(inquiry, [vip], by=agent, now=now) is False
    assert tagging.remove(inquiry, [vip], by=agent, now=now) is True
    assert tagging.remove(inquiry, [vip], by=agent, now=now) is False
    assert list(inquiry.tags.all()) == [sample]
    assert [sentence(event) for event in inquiry.events.all()] == [
        "佐藤 彩さんがタグを付けました：見本送付、VIP",
        "佐藤 彩さんがタグを外しました：VIP",
    ]


def test_one_tag_for_one_word_however_it_is_typed(db):
    vip = tagging.named("VIP")
    assert tagging.named(" ｖｉｐ ") == vip
    assert tagging.named("\n") is None
    vip.is_active = False
    vip.save()
    assert tagging.named("vip").is_active is True
    assert Tag.objects.count() == 1
    assert len(tagging.named("長" * 40).name) == 30


def test_so_many_tags_and_no_more(db, now, agent):
    inquiry = make_inquiry()
    tags = [Tag.objects.create(name=f"t{n}") for n in range(tagging.MOST + 1)]
    with pytest.raises(tagging.TooManyTags):
        tagging.add(inquiry, tags, by=agent, now=now)
    assert inquiry.tags.count() == 0

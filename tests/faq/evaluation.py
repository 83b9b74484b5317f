"""The evaluation set in tests/faq/data: articles in the database, and how well queries find them."""

import json
from collections import defaultdict
from pathlib import Path

from faq import indexing, search, suggesting
from faq.models import Article, Category
from tests.make import NOW

DATA = Path(__file__).parent / "data"


def lines(name):
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


def load_articles(rows=None):
    """The 138 articles, published and indexed; gives the evaluation's ids by pk."""
    rows = lines("articles.jsonl") if rows is None else rows
    category = Category.objects.get_or_create(slug="all", defaults={"name_ja": "すべて", "name_en": "All"})[0]
    made = Article.objects.bulk_create(
        Article(
            category=category,
            title=row["title"],
            body=row["body"],
            status="published",
            published_at=NOW,
            updated_at=NOW,
        )
        for row in rows
    )
    indexing.reindex(["ja"])
    return {article.pk: row["id"] for article, row in zip(made, rows, strict=True)}


def measure(ids, queries):
    """recall@3 and MRR@10 over the queries that have an answer, hit@3 of each type, and the queries that missed."""
    recall, reciprocal, hits, missed = [], [], defaultdict(list), []
    for query in queries:
        wanted = set(query["relevant"])
        if not wanted:
            continue
        found = [ids[pk] for pk, *_ in search.rank(search.understand(query["query"], "ja"), limit=10)]
        top = wanted & set(found[:3])
        recall.append(len(top) / min(3, len(wanted)))
        reciprocal.append(next((1 / place for place, id_ in enumerate(found, 1) if id_ in wanted), 0))
        hits[query["type"]].append(bool(top))
        if not top:
            missed.append((query["query"], query["relevant"], found[:3]))
    return {
        "recall@3": sum(recall) / len(recall),
        "mrr@10": sum(reciprocal) / len(reciprocal),
        "hit@3": {kind: sum(values) / len(values) for kind, values in hits.items()},
        "missed": missed,
    }


def opened(queries):
    """The queries for which suggestions would be shown, whatever their length."""
    return [query["query"] for query in queries if suggesting.confident(query["query"], "ja")]

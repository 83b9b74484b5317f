"""The whole way of a file: bytes, encoding, profile, orders, database; and the jobs that remember it.

A job's bytes are committed before anything is read from them. It is first looked at (a dry run, nothing is written),
then confirmed, then run: by the web for a small file, by a worker for a large one. Running twice is harmless.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db import transaction
from django.db.models import F

from shopdesk.accounts.models import User
from shopdesk.shop.importing import applying, detect, encodings, reading
from shopdesk.shop.importing.normal import NormalOrder, Report
from shopdesk.shop.importing.problems import FileProblem, RowProblem, Told
from shopdesk.shop.models import ImportJob, Store

MAX_FILE = 20 * 1024 * 1024  # of an upload; a year of a busy shop is below
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")  # a file name is one line, wherever it is shown
IN_REQUEST = 200  # orders that the web writes at once; a larger file goes to a worker
MAX_STORED_ERRORS = 1000


@dataclass
class Outcome:
    """What an import did, or would do. ``skipped`` are carts that are no orders yet."""

    encoding: str
    profile: str
    total: int = 0
    skipped: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    def as_json(self) -> dict[str, int | list[Told]]:
        """The shape that ``import_orders --json`` prints."""
        return {
            "new": self.new,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "errors": [problem.told() for problem in self.problems],
        }


@dataclass(frozen=True)
class Opened:
    """A file that could be read as a table of a known form."""

    table: reading.Table
    encoding: str
    profile: detect.Profile


class AlreadyRunning(Exception):
    """Somebody else has started this import, or it is done."""


def open_file(
    content: bytes, *, encoding: str = encodings.AUTO, profile: str = detect.AUTO, limit: int | None = None
) -> Opened:
    """Decode a file and know its form. Raises FileProblem."""
    decoded = encodings.decode(content, encoding)
    table = reading.read(decoded, limit)
    return Opened(table, decoded.encoding, detect.choose(table.header, profile))


def run(
    content: bytes,
    *,
    store: Store,
    now: datetime,
    encoding: str = encodings.AUTO,
    profile: str = detect.AUTO,
    dry_run: bool = False,
    plan_followups: bool = False,
    on_progress: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Import a file; a dry run only looks. Errors in rows are told in the outcome, sorted by line.

    Follow-ups are planned for new orders of the last three days, and for older new ones only with ``plan_followups``;
    an update never switches them on. Raises FileProblem when the file as a whole cannot be read.
    """
    opened = open_file(content, encoding=encoding, profile=profile)
    outcome = Outcome(opened.encoding, opened.profile.CODE)
    report = Report()
    orders = opened.profile.orders(opened.table, report)
    counts = applying.Counts()
    while chunk := _next(orders):
        if dry_run:
            counts.add(applying.look(chunk, store=store))
        else:
            counts.add(applying.apply(chunk, store=store, now=now, plan_followups=plan_followups))
        _tell(outcome, report, counts)
        if on_progress:
            on_progress(outcome)
    _tell(outcome, report, counts)
    outcome.problems.sort(key=lambda problem: problem.line)
    return outcome


def _next(orders: Iterator[NormalOrder]) -> list[NormalOrder]:
    return list(islice(orders, applying.CHUNK))


def _tell(outcome: Outcome, report: Report, counts: applying.Counts) -> None:
    outcome.total, outcome.skipped = report.total, report.skipped
    outcome.new, outcome.updated, outcome.unchanged = counts.new, counts.updated, counts.unchanged
    outcome.problems = [*report.problems, *counts.problems]


# --- jobs ---------------------------------------------------------------------------------------------------------


def store_file(content: bytes, *, file_name: str, store: Store, by: User | None, now: datetime) -> ImportJob:
    """Keep an uploaded file, to be looked at first."""
    return ImportJob.objects.create(
        file_name=_CONTROLS.sub(" ", file_name)[-200:],
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        store=store,
        by=by,
        dry_run=True,
        created_at=now,
    )


def look(job: ImportJob, *, encoding: str, profile: str, store: Store, now: datetime) -> None:
    """Look at a job's file and keep what an import would do. Only before it is confirmed. Raises FileProblem."""
    outcome = run(bytes(job.content), store=store, now=now, encoding=encoding, profile=profile, dry_run=True)
    job.store = store
    job.encoding, job.profile = outcome.encoding, outcome.profile
    _keep(job, outcome)
    with transaction.atomic():
        fields = {name: getattr(job, name) for name in ("store", "encoding", "profile", *_COUNTS)}
        if not ImportJob.objects.filter(pk=job.pk, dry_run=True, status=ImportJob.Status.STORED).update(**fields):
            raise AlreadyRunning


def confirm(job: ImportJob, *, plan_followups: bool, now: datetime) -> bool:
    """Let a job that was looked at be run; False when somebody did before."""
    return bool(
        ImportJob.objects.filter(pk=job.pk, dry_run=True, status=ImportJob.Status.STORED)
        .exclude(profile="")
        .update(dry_run=False, plan_followups=plan_followups, new=0, updated=0, unchanged=0, progress_at=now)
    )


def import_job(job: ImportJob, now: datetime, *, clock: Callable[[], datetime] | None = None) -> Outcome:
    """Run a confirmed job, or one that failed or whose worker was lost; the job says how it went.

    ``clock`` gives the moments of the progress (the door's clock; without it they are ``now``). Raises AlreadyRunning
    when the job is running, done or not confirmed, and FileProblem when its file cannot be read.
    """
    moment = clock or (lambda: now)
    waiting = ImportJob.objects.startable(now).filter(pk=job.pk)
    begun = {"status": ImportJob.Status.RUNNING, "progress_at": now, "failure": "", "finished_at": None}
    if not waiting.update(attempts=F("attempts") + 1, **begun):
        raise AlreadyRunning
    job.refresh_from_db()

    def tell(outcome: Outcome) -> None:
        _keep(job, outcome)
        job.progress_at = moment()
        job.save(update_fields=[*_COUNTS, "progress_at"])

    try:
        outcome = run(
            bytes(job.content), store=job.store, now=now, encoding=job.encoding or encodings.AUTO,
            profile=job.profile or detect.AUTO, plan_followups=job.plan_followups, on_progress=tell,
        )  # fmt: skip
    except FileProblem as problem:
        _finish(job, ImportJob.Status.FAILED, moment(), failure=str(problem)[:200])
        raise
    except Exception as error:
        _finish(job, ImportJob.Status.FAILED, moment(), failure=f"{type(error).__name__}: {error}"[:200])
        raise
    job.encoding, job.profile = outcome.encoding, outcome.profile
    _keep(job, outcome)
    _finish(job, ImportJob.Status.DONE, moment())
    return outcome


def sweep(now: datetime, *, clock: Callable[[], datetime] | None = None) -> int:
    """Run the oldest import that lies about, because its ring or its worker was lost; how many were run (0 or 1)."""
    job = ImportJob.objects.left_lying(now).defer("content").order_by("pk").first()
    if job is None:
        return 0
    try:
        import_job(job, now, clock=clock)
    except (AlreadyRunning, FileProblem):
        return 0
    return 1


def run_now(
    content: bytes,
    *,
    file_name: str,
    store: Store,
    now: datetime,
    clock: Callable[[], datetime],
    encoding: str = encodings.AUTO,
    profile: str = detect.AUTO,
    plan_followups: bool = False,
) -> Outcome:
    """Store a file and import it at once, without a look before: the command's way. Raises FileProblem."""
    job = store_file(content, file_name=file_name, store=store, by=None, now=now)
    job.dry_run, job.plan_followups = False, plan_followups
    job.encoding = "" if encoding == encodings.AUTO else encoding
    job.profile = "" if profile == detect.AUTO else profile
    job.save(update_fields=["dry_run", "plan_followups", "encoding", "profile"])
    return import_job(job, now, clock=clock)


_COUNTS = ("orders_total", "new", "updated", "unchanged", "skipped", "errors", "errors_total")


def _keep(job: ImportJob, outcome: Outcome) -> None:
    job.orders_total, job.skipped = outcome.total, outcome.skipped
    job.new, job.updated, job.unchanged = outcome.new, outcome.updated, outcome.unchanged
    job.errors = [problem.stored() for problem in outcome.problems[:MAX_STORED_ERRORS]]
    job.errors_total = len(outcome.problems)


def _finish(job: ImportJob, status: str, at: datetime, failure: str = "") -> None:
    job.status, job.finished_at, job.progress_at, job.failure = status, at, at, failure
    job.save(update_fields=[*_COUNTS, "encoding", "profile", "status", "finished_at", "progress_at", "failure"])


def problems_of(job: ImportJob) -> list[RowProblem]:
    """The problems that a job keeps (the first thousand)."""
    return [RowProblem.from_stored(row) for row in job.errors]

"""Doors that Celery rings."""

from celery import shared_task

from shopdesk import clock
from shopdesk.shop.importing import run
from shopdesk.shop.importing.problems import FileProblem
from shopdesk.shop.models import ImportJob


@shared_task(ignore_result=True)
def sweep_imports() -> None:
    """Run a confirmed import whose ring or whose worker was lost."""
    run.sweep(clock.now(), clock=clock.now)


@shared_task(ignore_result=True)
def run_import(pk: int) -> None:
    """Run a confirmed import; a second ring finds nothing to do. What went wrong is written on the job."""
    job = ImportJob.objects.filter(pk=pk).first()
    if job is None:
        return
    try:
        run.import_job(job, clock.now(), clock=clock.now)
    except (run.AlreadyRunning, FileProblem):
        return

"""The parent: starts everything, throws faults, waits for quiet, and checks what was promised.

    python -m tests.faults.run --seeds 50 [--first 1] [--mails 200] [--json faults.json]

A seed draws the plan (which faults, in which order, with how much mail between them); how far each process has come
when its fault strikes is left to the machine. Every process ends with this one, however it ends.
"""

import argparse
import contextlib
import json
import os
import queue
import random
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shopdesk import embedded
from tests.faults import checking
from tests.faults.stage import Stage

DRAIN_SECONDS = 60

# What may strike, and how often compared with the others.
FAULTS = {
    "kill child": 3,  # F1: the pool's process; Celery itself lives and forks another
    "kill worker": 1,  # F1: the whole process group
    "kill at a point": 5,  # F1: exactly between two steps
    "kill parser": 1,  # F2: as the kernel does when memory is out
    "bomb": 1,  # F2: a mail that is made to kill its reader
    "posts": 1,  # F8: mails by webhook, some four times at once
    "stop postgres": 1,  # F3: immediate, back after a moment
    "cut connections": 2,  # F3: pg_terminate_backend
    "empty broker": 1,  # F4: killed, back without its memory
    "smtp 4xx": 2,  # F7
    "smtp 5xx": 1,  # F7
    "smtp drop before the dot": 2,  # F7
    "smtp drop after the dot, kept": 1,  # F7
    "smtp drop after the dot, lost": 1,  # F7
    "smtp hangs after the dot": 1,  # F7
    "two ringers": 1,  # F10
    "clock jump": 1,  # F10
    "burst": 1,  # F13
    "imap cut": 2,  # F5: in the middle of a body
    "imap new uidvalidity": 1,  # F5
    "imap slow": 1,  # F5
    "imap refuses": 1,  # F5: another password for a moment
    "imap folder vanishes": 1,  # F5
    "imap lies about sizes": 1,  # F5
}
KILLS = ("kill child", "kill worker", "kill at a point")


@dataclass
class Result:
    """What one seed did and what came of it. Seconds are of the shortened time."""

    seed: int
    faults: list = field(default_factory=list)
    kills: int = 0
    mails: int = 0
    incoming: int = 0
    violations: list = field(default_factory=list)
    duplicates: int = 0
    lost: int = 0
    uncertain: int = 0
    uncertain_reasons: dict = field(default_factory=dict)
    # Lost workers: one for each kill, each connection cut off a worker, and each worker when PostgreSQL stops. No
    # answer: one for each connection that the sink dropped with a letter on its way.
    allowed_reasons: dict = field(default_factory=dict)
    allowed_uncertain: int = 0
    answers: dict = field(default_factory=dict)  # what the sink answered wrongly, and how often
    held: int = 0  # how often a guard held letters until a person confirmed
    states: dict = field(default_factory=dict)
    incoming_states: dict = field(default_factory=dict)
    recovery: float = 0.0  # the longest time from the end of a fault to the next letter in the sink
    drained: float = 0.0  # from the end of the last fault until every row was final
    seconds: float = 0.0


class Run:
    """One seed on the stage."""

    def __init__(self, stage, seed, mails):
        self.stage, self.dice = stage, random.Random(seed)  # the plan must come again, not be secret
        self.result = Result(seed=seed)
        self.mails = mails
        self.ends = []  # when each fault was over
        self.told = []
        self.posted = []  # as the mailbox tells: [sha256, group, kind]
        self.refused = []
        self.allowed = 0  # letters that may be uncertain because of what was done to the database
        self.set_traps = 0
        self.outstanding = 0

    def plan(self):
        """The faults of this seed in their order, each with the letters that are queued just before it."""
        names, weights = list(FAULTS), list(FAULTS.values())
        drawn = [self.dice.choice(KILLS) for _ in range(2)] + self.dice.choices(names, weights, k=7)
        self.dice.shuffle(drawn)
        share = self.mails // (len(drawn) + 1)
        return [(name, share) for name in drawn], self.mails - share * len(drawn)

    def go(self):
        started = time.monotonic()
        stage, result = self.stage, self.result
        stage.reset()
        steps, rest = self.plan()
        for number, (name, share) in enumerate(steps):
            self.feed(f"s{result.seed}-{number}", share)
            time.sleep(self.dice.uniform(0.05, 0.5))
            self.strike(name)
            result.faults.append(name)
        self.feed(f"s{result.seed}-end", rest)
        self.quiet()
        self.drain()
        self.check()
        result.seconds = round(time.monotonic() - started, 1)
        return result

    def feed(self, prefix, count):
        self.outstanding += 1
        self.stage.client.say(do="queue", prefix=prefix, count=count, group=self.dice.choice([1, 3, 10]))
        self.result.mails += count
        self.stage.mailbox.ask(do="deliver", prefix=prefix, count=count // 5)

    # --- faults ---------------------------------------------------------------------------------------------------

    def strike(self, name):
        getattr(self, "_" + name.replace(" ", "_").replace(",", ""))()
        self.ends.append(time.time())

    def _kill_child(self):
        worker = self.dice.choice(self.stage.workers)
        for pid in worker.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.result.kills += 1

    def _kill_worker(self):
        worker = self.dice.choice(self.stage.workers)
        with self.stage.watch:
            worker.kill()
            worker.start()
        self.result.kills += 1

    def _kill_parser(self):
        for worker in self.stage.workers:
            for pid in self.stage.readers_of(worker):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _bomb(self):
        prefix = f"s{self.result.seed}-{len(self.result.faults)}"
        self.stage.mailbox.ask(do="bomb", prefix=prefix, number=self.dice.randrange(3))

    def _posts(self):
        self.outstanding += 1
        self.stage.client.say(do="post", prefix=f"s{self.result.seed}-post{len(self.result.faults)}", count=10)

    def _kill_at_a_point(self):
        point = self.dice.choice(checking.POINTS)
        trap = self.stage.control / f"die-{point}"
        if not trap.exists():
            trap.touch()
            self.set_traps += 1

    def _stop_postgres(self):
        self.stage.postgres.stop()
        time.sleep(self.dice.choice([0.0, 0.3, 1.0]))
        self.stage.postgres.start()
        self.allowed += len(self.stage.workers)

    def _cut_connections(self):
        with self.stage.database() as database:
            rows = database.execute(
                "SELECT application_name, pg_terminate_backend(pid) FROM (SELECT * FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid() ORDER BY random() LIMIT %s) AS chosen",
                [embedded.DATABASE, self.dice.choice([1, 2, 5])],
            ).fetchall()
        self.allowed += sum(name.startswith("worker") for name, _ in rows)

    def _empty_broker(self):
        self.stage.valkey.stop()
        time.sleep(self.dice.choice([0.0, 0.3, 1.0]))
        self.stage.valkey.start()

    def _say(self, stage, *answers):
        self.stage.sink.ask(do="say", stage=stage, answers=answers)

    def _smtp_4xx(self):
        stage = self.dice.choice(["mail", "rcpt", "start", "data"])
        self._say(stage, *self.dice.choices(["451 4.3.0 later", "450 4.2.1 slowly", "421 4.7.0 go away"], k=4))

    def _smtp_5xx(self):
        self._say(self.dice.choice(["rcpt", "data"]), "550 5.1.1 no such user", None, "552 5.2.2 full")

    def _smtp_drop_before_the_dot(self):
        self._say(self.dice.choice(["mail", "rcpt", "start"]), "DROP", None, "DROP")

    def _smtp_drop_after_the_dot_kept(self):
        self._say("data", "DROP")

    def _smtp_drop_after_the_dot_lost(self):
        self._say("data", "LOST")

    def _smtp_hangs_after_the_dot(self):
        self._say("data", "HANG")

    def _two_ringers(self):
        ringer = self.stage.ringers[1]
        ringer.kill()
        ringer.start()

    def _clock_jump(self):
        self.stage.jump(self.dice.choice([-8, 8]))
        time.sleep(1.0)
        self.stage.jump(0)

    def _burst(self):
        self.feed(f"s{self.result.seed}-burst{len(self.result.faults)}", 100)

    def _imap_cut(self):
        self.stage.mailbox.ask(do="cut", bytes=self.dice.randrange(200))

    def _imap_new_uidvalidity(self):
        self.stage.mailbox.ask(do="validity")

    def _imap_slow(self):
        self.stage.mailbox.ask(do="slow")

    def _imap_refuses(self):
        self.stage.mailbox.ask(do="refuse")

    def _imap_folder_vanishes(self):
        self.stage.mailbox.ask(do="vanish")

    def _imap_lies_about_sizes(self):
        self.stage.mailbox.ask(do="lie")

    # --- afterwards -----------------------------------------------------------------------------------------------

    def quiet(self):
        """Nothing goes wrong any more: traps nobody fell into and words nobody heard are taken away."""
        self._listen_to_client(until_done=True)
        # A trap that waits for the next letter still counts if it strikes; give it that moment.
        time.sleep(0.5)
        for trap in self.stage.traps():
            with contextlib.suppress(FileNotFoundError):
                trap.unlink()
                self.set_traps -= 1
        self.result.kills += self.set_traps
        self.stage.sink.ask(do="quiet")
        self.ends.append(time.time())

    def _listen_to_client(self, *, until_done):
        end = time.monotonic() + 90
        while self.outstanding and until_done and time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                answer = self.stage.client.answers.get(timeout=0.2)
                self.told += answer.get("told", [])
                self.refused += answer.get("refused", [])
                if "posted" in answer:
                    self.posted.append([answer["posted"], answer["group"], "posted"])
                    if answer["strange"]:
                        self.result.violations.append(f"F8 {answer['group']}: answered {answer['strange']}")
                self.outstanding -= answer.get("done") in {"queue", "post"}
        if self.outstanding:
            self.result.violations.append("the client did not end")

    def drain(self):
        """Wait until nothing is in work any more, then move the clock far ahead: nothing may be sent again."""
        end = time.monotonic() + DRAIN_SECONDS
        delivered = self.stage.mailbox.ask(do="dump")["mails"] + self.posted
        with self.stage.database() as database:
            while time.monotonic() < end:
                if not checking.unfiled(database, delivered) and not checking.unfinished(database):
                    break
                self.result.held += self.stage.client.ask(do="resume")["held"]
                time.sleep(0.1)
            self.result.drained = round(time.time() - self.ends[-1], 1)
            self.stage.jump(120)
            time.sleep(1.2)
            self.stage.jump(0)

    def check(self):
        result = self.result
        sink = self.stage.sink.ask(do="dump")
        given = Counter(sink["given"])
        # A connection that breaks while the body is on its way breaks after the dot as well: nobody can tell.
        dropped = given["data DROP"] + given["data LOST"] + given["data HANG"] + given["start DROP"]
        result.answers = dict(given)
        result.allowed_reasons = {"worker_lost": result.kills + self.allowed, "no_answer": dropped}
        result.allowed_uncertain = sum(result.allowed_reasons.values())
        with self.stage.database() as database:
            checking.outgoing(
                database,
                sink["messages"],
                told=self.told,
                refused=self.refused,
                refusals=sum(count for words, count in given.items() if words.split()[1][0] == "5"),
                result=result,
            )
            mailbox = self.stage.mailbox.ask(do="dump")
            checking.incoming(
                database,
                mailbox["mails"] + self.posted,
                mailbox["changes"],
                media=self.stage.folder / "media",
                result=result,
            )
        times = sorted(sink["times"])
        for moment in self.ends[:-1]:
            later = next((time for time in times if time >= moment), None)
            if later is not None:
                result.recovery = round(max(result.recovery, later - moment), 1)


COLUMNS = (
    ("seed", 5), ("faults", 7), ("kills", 6), ("mails", 6), ("incoming", 9), ("violations", 11), ("duplicates", 11), ("lost", 5),
    ("uncertain", 10), ("allowed", 8), ("recovery", 9), ("drained", 8),
)  # fmt: skip


def row(result):
    """One line of the table."""
    values = {**asdict(result), "allowed": result.allowed_uncertain, "faults": len(result.faults)}
    values["violations"] = len(result.violations)
    return "".join(f"{values[name]:>{width}}" for name, width in COLUMNS)


def totals(results):
    """The sums, and the worst times, of many seeds."""
    return {
        "seeds": len(results),
        "faults": sum(len(result.faults) for result in results),
        "kills": sum(result.kills for result in results),
        "held": sum(result.held for result in results),
        "mails": sum(result.mails for result in results),
        "incoming": sum(result.incoming for result in results),
        "violations": sum(len(result.violations) for result in results),
        "duplicates": sum(result.duplicates for result in results),
        "lost": sum(result.lost for result in results),
        "uncertain": sum(result.uncertain for result in results),
        "allowed_uncertain": sum(result.allowed_uncertain for result in results),
        "worst_recovery_seconds": max((result.recovery for result in results), default=0.0),
        "worst_drain_seconds": max((result.drained for result in results), default=0.0),
        "seeds_with_violations": [result.seed for result in results if result.violations],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--mails", type=int, default=200, help="letters a seed, bursts not counted")
    parser.add_argument("--json", type=Path, default=Path("var/faults.json"), help="where the figures are written")
    parser.add_argument("--keep-logs", type=Path, help="a folder for the processes' logs")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = []
    write = sys.stdout.write
    write("".join(f"{name:>{width}}" for name, width in COLUMNS) + "\n")
    try:
        with Stage() as stage:
            try:
                for seed in range(options.first, options.first + options.seeds):
                    result = Run(stage, seed, options.mails).go()
                    results.append(result)
                    write(row(result) + "\n")
                    for violation in result.violations[:10]:
                        write(f"      {violation}\n")
                    sys.stdout.flush()
            finally:
                if options.keep_logs:
                    options.keep_logs.mkdir(parents=True, exist_ok=True)
                    for log in stage.folder.glob("*.log"):
                        shutil.copy(log, options.keep_logs)
    except KeyboardInterrupt:
        write("stopped\n")
    summary = totals(results)
    write("\n" + "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in summary.items()) + "\n")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    content = {"totals": summary, "seeds": [asdict(result) for result in results]}
    options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    write(f"written: {options.json}\n")
    return 1 if summary["violations"] or len(results) < options.seeds else 0


if __name__ == "__main__":
    sys.exit(main())

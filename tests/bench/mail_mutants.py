"""Damaged mail by the thousand: counts exceptions and values that PostgreSQL or a header refuses.

    python tests/bench/mail_mutants.py [COUNT] [FIRST SEED]

The mails beside the checkout are the material; where they are absent, our own of tests/mail_in/eml.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from shopdesk.mail.parsing import parse
from tests.mail_in import corpus
from tests.mail_in.fitness import faults
from tests.mail_in.mutants import mutant

OWN = Path(__file__).resolve().parents[1] / "mail_in" / "eml"


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    raws = [path.read_bytes() for path in sorted(OWN.glob("*.eml"))]
    raws += [sample.raw for sample in corpus.mails()] if corpus.present() else []
    exceptions = refused = 0
    slowest = 0.0
    began = time.process_time()
    for seed in range(first, first + count):
        raw = mutant(raws, seed)
        start = time.process_time()
        try:
            bad = faults(parse(raw))
        except Exception as error:  # counting them is the purpose
            exceptions += 1
            print(f"seed {seed}: {error!r}")
            continue
        slowest = max(slowest, time.process_time() - start)
        if bad:
            refused += 1
            print(f"seed {seed}: {bad[:5]}")
    spent = time.process_time() - began
    print(
        f"mutants {count}, of {len(raws)} mails; exceptions {exceptions}, refused values {refused}; "
        f"{spent:.1f} s of CPU with making them, slowest {slowest:.2f} s"
    )
    return 1 if exceptions or refused else 0


if __name__ == "__main__":
    sys.exit(main())

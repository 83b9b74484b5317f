from datetime import datetime

BATCH = 50


def sweep(now: datetime, limit: int = BATCH) -> int:
    raise NotImplementedError

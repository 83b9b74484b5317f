"""Property tests draw the same examples each time, and a busy machine is not a failure."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")

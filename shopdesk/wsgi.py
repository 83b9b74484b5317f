"""The WSGI entry point for gunicorn."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shopdesk.settings")

application = get_wsgi_application()

from faq import analysing  # noqa: E402  # needs the applications that the line above sets up
from shopdesk import warming  # noqa: E402  # as above

# Loaded before gunicorn forks, so that the workers share one copy of the dictionary (90 MB, memory-mapped).
analysing.load()
warming.warm()

# What is loaded by now stays: not looking for garbage in it saves every worker a pause of 50 ms now and then, and keeps
# its pages shared.
gc.collect()
gc.freeze()

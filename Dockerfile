# One image for web, worker and beat. Nothing in it runs as root, and nothing in it needs to be written.
FROM python:3.13-slim AS packages
COPY requirements/base.txt /requirements.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: -r /requirements.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    READ_DOT_ENV=false \
    MEDIA_ROOT=/data/media \
    STATIC_ROOT=/app/var/static
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin shopdesk \
    && mkdir -p /data/media /app \
    && chown -R shopdesk:shopdesk /data
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
# Hashed and compressed static files. The values are needed to load the settings and stay in this one command.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" SITE_URL=https://build.invalid \
    DATABASE_URL=postgres://build.invalid/none REDIS_URL=redis://build.invalid \
    python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q shopdesk faq inquiries returns followups
USER shopdesk
VOLUME /data/media
EXPOSE 8000
CMD ["gunicorn", "shopdesk.wsgi", "--preload", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--worker-tmp-dir", "/dev/shm", "--access-logfile", "-"]

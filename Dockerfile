# syntax=docker/dockerfile:1
# One image for web, worker, tick and migrate. Its root file system can be read-only.

FROM python:3.13-slim-trixie AS build
COPY requirements.txt /
# Wheels only, each compared with the hash that was pinned: nothing is compiled, nothing is swapped.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
      --require-hashes --only-binary=:all: -r /requirements.txt

FROM python:3.13-slim-trixie
# pg_dump and pg_restore, for `balancecloud backup` and `restore`.
RUN apt-get update \
 && apt-get install -y --no-install-recommends postgresql-client-17 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 balancecloud \
 && useradd --uid 10001 --gid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin balancecloud \
 && install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY wsgi.py worker.py gunicorn.conf.py ./
COPY balancecloud balancecloud
COPY migrations migrations
COPY templates templates
COPY static static
RUN /venv/bin/python -m compileall -q balancecloud migrations wsgi.py worker.py

ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=8388608 \
    MALLOC_TRIM_THRESHOLD_=33554432 \
    DATA_DIR=/data \
    PORT=8000
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 \
  CMD ["python", "-m", "balancecloud.cli", "healthy"]
CMD ["gunicorn", "--config", "gunicorn.conf.py", "--bind", "0.0.0.0:8000", "wsgi:app"]

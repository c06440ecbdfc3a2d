# The API's image: the packages of requirements.txt, api/ and the configuration of Gunicorn.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS builder
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
WORKDIR /build
RUN --mount=type=bind,source=tools/uv.txt,target=uv.txt \
    --mount=type=cache,target=/root/.cache \
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes -r uv.txt
RUN --mount=type=bind,source=requirements.txt,target=requirements.txt \
    --mount=type=cache,target=/root/.cache \
    uv venv --quiet /app/.venv \
 && uv pip sync --quiet --python /app/.venv --require-hashes --only-binary :all: requirements.txt \
 && uv pip check --quiet --python /app/.venv
COPY api /app/api
COPY gunicorn.conf.py /app/
# Compile here, because nothing can be written in the final image.
RUN /app/.venv/bin/python -m compileall -q /app/api \
 && /app/.venv/bin/python -Ic "import flask, psycopg, sqlalchemy"

# Remove what the base image has only for building other images. The base image has no compiled files of the standard
# library, and none can be written in the final image: without them, each start would compile everything it imports.
FROM ${PYTHON_IMAGE} AS runtime
RUN rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
 && python3 -m compileall -q -j 0 -x '/(idlelib|lib2to3|pydoc_data|test|tkinter|turtledemo)/' /usr/local/lib/python3*

FROM runtime
COPY --from=builder /app /app
ENV PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    FLASK_APP=api \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    # Each thread would have memory of its own to allocate from, which keeps what its largest request took: a few lists
    # of a thousand reports came to 190 MiB, and to 145 with two such pools.
    MALLOC_ARENA_MAX=2 \
    # Without a database host the ledger is embedded, and is lost with the container unless this is a volume.
    SLIPWAY_DATA_DIR=/tmp/slipway
WORKDIR /app
# Numeric, so that Kubernetes can check that it is not root.
USER 10001:10001
EXPOSE 8888
STOPSIGNAL SIGTERM
CMD ["gunicorn", "api:application"]
# Last, because they change with every commit.
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="slipway" \
      org.opencontainers.image.description="A release ledger: what version of which service runs where" \
      org.opencontainers.image.source="https://github.com/slipway/slipway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

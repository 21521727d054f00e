# The weights are in the packages, so a container needs no network. How to build and run it: docs/operations.md.
FROM python:3.11-slim-bookworm AS build

# An index with CPU builds of torch saves gigabytes: --build-arg PIP_EXTRA_INDEX_URL=…
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/qa
COPY requirements.lock ./
RUN /opt/qa/bin/pip install -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY qa qa
COPY web web
RUN /opt/qa/bin/pip install --no-deps --no-build-isolation .


FROM python:3.11-slim-bookworm

# The folders that volumes are mounted on belong to the user, so that new volumes do too.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp qa && install -d -o qa /index /state
COPY --from=build /opt/qa /opt/qa
ENV PATH=/opt/qa/bin:$PATH PYTHONDONTWRITEBYTECODE=1 \
    QA_HOST=0.0.0.0 QA_PORT=8000 QA_CORPUS=/corpus QA_INDEX=/index QA_FEEDBACK=/state/feedback.sqlite
WORKDIR /state
USER 10001
VOLUME ["/index", "/state"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=8)"]
ENTRYPOINT ["qa"]
CMD ["serve"]

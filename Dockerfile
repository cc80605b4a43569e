# One image for both jobs: `run` computes a publication, `serve` shows it. No compiler, no root, no network at run time.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/build.lock requirements/run.lock requirements/
RUN python -m venv /opt/sozialmonitor \
 && /opt/sozialmonitor/bin/pip install --no-cache-dir --require-hashes -r requirements/build.lock \
 && /opt/sozialmonitor/bin/pip install --no-cache-dir --require-hashes -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY geodata geodata
COPY spatial spatial
COPY service service
RUN /opt/sozialmonitor/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends libexpat1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 sozialmonitor \
 && install -d -o sozialmonitor /state /data
COPY --from=build /opt/sozialmonitor /opt/sozialmonitor
ENV PATH=/opt/sozialmonitor/bin:$PATH PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp/matplotlib
USER sozialmonitor
VOLUME ["/state", "/data"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["sozialmonitor"]
CMD ["serve", "--state", "/state", "--host", "0.0.0.0", "--port", "8000"]

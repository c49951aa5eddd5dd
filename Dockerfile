# The service of the learner stream: `lyceum stream run`. Not built here; the commands are those of
# scripts/install.sh. Tables lie in /data; broker and intervals come from the environment:
#   docker build -t lyceum-stream .
#   docker run -p 127.0.0.1:8080:8080 -v lyceum:/data -e KAFKA_BOOTSTRAP_SERVERS=broker:9092 lyceum-stream
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/lyceum \
    && /opt/lyceum/bin/pip install --no-cache-dir --require-hashes -r requirements/dev.txt \
    && /opt/lyceum/bin/pip install --no-cache-dir --no-deps ./packages/pocketlake .

FROM python:3.12-slim
COPY --from=build /opt/lyceum /opt/lyceum
RUN useradd --system --uid 10001 --home-dir /data --create-home lyceum
USER lyceum
WORKDIR /data
VOLUME /data
ENV PATH=/opt/lyceum/bin:$PATH \
    LYCEUM_HOME=/data \
    STREAM_HTTP_HOST=0.0.0.0 \
    STREAM_HTTP_PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
# As the first process it gets SIGTERM itself: the batch under way is finished.
STOPSIGNAL SIGTERM
ENTRYPOINT ["lyceum", "stream", "run"]

# An image that serves a bundle, without what fitted it: docker build -t recdiff-runtime:0.2.0 .
FROM python:3.12.11-slim-bookworm AS build
WORKDIR /source
COPY LICENSE ./
COPY sdk/recdiff sdk/recdiff
COPY export export
RUN python -m venv /opt/recdiff \
    && /opt/recdiff/bin/python -m pip install --no-cache-dir './export/runtime-package[serve]' \
    && /opt/recdiff/bin/python -m pip uninstall --yes pip

FROM python:3.12.11-slim-bookworm
COPY --from=build /opt/recdiff /opt/recdiff
ENV PATH=/opt/recdiff/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
# A number, by which Kubernetes sees that it is not root.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=2)"]
ENTRYPOINT ["recdiff-runtime"]
# The model folder is mounted, not the bundle in it: an export replaces the bundle's folder whole.
CMD ["serve", "/model/onnx", "--host", "0.0.0.0", "--port", "8000"]

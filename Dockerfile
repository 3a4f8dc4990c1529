# docker build -t eddyline . && docker run -p 7860:7860 -v eddyline:/home/studio/Eddyline -e EDDYLINE_AUTH=me:secret eddyline
FROM python:3.11-slim
RUN useradd --create-home studio
WORKDIR /app
COPY requirements.txt .
# Without a graphics card, name an index that holds the CPU build of torch and save some gigabytes:
# docker build --build-arg TORCH_INDEX=... (see the installation page of PyTorch)
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url $TORCH_INDEX} -r requirements.txt
COPY app.py README.md LICENSE pyproject.toml ./
COPY studio studio
COPY pipelines pipelines
COPY assets assets
RUN mkdir /home/studio/Eddyline && chown studio /home/studio/Eddyline
USER studio
# Inside a container every address is the container's own; who may reach it is up to `docker run -p`.
ENV GRADIO_SERVER_NAME=0.0.0.0 EDDYLINE_HOME=/home/studio/Eddyline
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=4)"
CMD ["python", "app.py"]

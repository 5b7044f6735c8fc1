"""Speaks the worker's protocol without torch: a few steps of training, then a threshold."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from napari_unet.core.geometry import shapes
from napari_unet.core.instances import label_cells
from napari_unet.core.settings import InstanceSettings, ModelConfig, to_dict
from napari_unet.files.atomic import write_array
from napari_unet.files.model_file import KEY, read_config
from napari_unet.runs.folder import RunFolder
from napari_unet.runs.jobs import JobFolder
from napari_unet.runs.messages import read_line

SETTINGS = "FAKE_WORKER_SETTINGS"  # the file of what the test has set when it gives a command
PAUSE, TILE, HOLD, WORSE, LIKELY, PAINTED = 0.002, 128, 0, False, 0, 0
STEPS = 12  # of a training; of a slow one 30, and its tiles are half as wide
NARROW = 2  # channels: a model of the preset's width is a file of 17 MB
stop, commands = threading.Event(), []
here = threading.Condition()


def take_settings() -> None:
    """What the test wants by now: this process may have begun before it was said."""
    global PAUSE, STEPS, TILE, HOLD, WORSE, LIKELY, PAINTED
    there = os.environ.get(SETTINGS)
    said = json.loads(Path(there).read_text()) if there else dict(os.environ)
    PAUSE = float(said.get("FAKE_WORKER_PAUSE", "0.002"))  # seconds a step or tile takes
    slow = PAUSE > 0.002  # the test does something meanwhile: there is to be time for it
    STEPS = 30 if slow else 12
    TILE = int(said.get("FAKE_WORKER_TILE", "64" if slow else "128"))  # side, px
    HOLD = int(said.get("FAKE_WORKER_HOLD", "0"))  # tiles; after so many it waits for "stop"
    WORSE = "FAKE_WORKER_WORSE" in said  # than the model that it started from
    PAINTED = int(said.get("FAKE_WORKER_PAINTED", "30"))
    LIKELY = int(said.get("FAKE_WORKER_LIKELY", "0"))  # cells of each image that are not painted


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def listen() -> None:
    for line in map(read_line, os.fdopen(os.dup(0), "rb")):
        if line.startswith("wait"):
            say(event="waiting", words=line.strip())
            continue
        with here:
            if line.strip() in ("stop", "quit"):
                stop.set()
            if line.strip() != "stop":
                commands.append(line.strip())
            here.notify()
    stop.set()
    with here:
        commands.append("quit")
        here.notify()


def train(run: Path) -> None:
    model = run / "model.safetensors"
    (run / "checkpoint").mkdir(exist_ok=True)
    (run / "checkpoint" / "state.pt").write_bytes(b"fake")
    say(event="started", what="train", path=str(run), words="fake")
    folder = RunFolder(run)
    for pair in folder.pairs() if LIKELY else ():
        say(event="unpainted", image=pair.number, likely=LIKELY, painted=PAINTED, words="fake")
    values = {int(v) for pair in folder.pairs() for v in np.unique(pair.labels) if v}
    network = replace(folder.settings.network, width=NARROW)
    described = ModelConfig(
        network,
        folder.options.labels_are,
        tuple(sorted(values)) if folder.options.labels_are == "classes" else (),
    )
    config = json.dumps(to_dict(described))
    # weights as the file describes them: trainings may start from it
    made = shapes(network)
    weights = {
        name: np.zeros(shape, np.int64 if name.endswith("_tracked") else np.float32)
        for name, shape in made.items()
    }
    save_file(weights, model, metadata={KEY: config})
    say(event="saved", step=0, path=str(model))
    score = {"AP50": 0.75, "truth": 8, "found": 6, "merges": 1}
    for step in range(1, STEPS + 1):
        time.sleep(PAUSE)
        if stop.is_set():
            break
        say(event="step", step=step, of=STEPS, loss=1 / step, seconds=step * PAUSE, left=1.0)
        if step % (STEPS // 3) == 0:
            now = {**score, "AP50": step / STEPS * 0.75, "found": 6 * step // STEPS}
            say(event="held-out", step=step, score=now, words="some of 8 found")
    say(
        event="done",
        what="train",
        path=str(run),
        model=str(model),
        stopped=stop.is_set(),
        before={**score, "AP50": 0.9, "found": 7} if WORSE else None,
        after=score,
        worse=WORSE,
        words="done",
    )


def predict(job: JobFolder) -> None:
    say(event="started", what="predict", path=str(job.path), words="fake")
    image, probability = job.image, job.probability("r+")
    planes = image[:, 0]  # the first channel
    config = read_config(Path(job.wish["model"]))
    classes = config.labels_are == "classes"
    slices, size = job.wish["slices"], TILE
    height, width = planes.shape[-2:]
    windows = [(y, x) for y in range(0, height, size) for x in range(0, width, size)]
    done = 0
    for place, index in enumerate(slices):
        for y, x in windows:
            part = (slice(y, y + size), slice(x, x + size))
            values = planes[index][part] / 255
            if classes:  # the brighter, the higher the class
                for k in range(probability.shape[1]):
                    of = np.minimum(
                        np.floor(values * probability.shape[1]), len(config.class_values)
                    )
                    probability[place, k][part] = of == k
            else:
                probability[place][part] = values
            done += 1
            window = [y, min(y + size, height), x, min(x + size, width)]
            total = len(windows) * len(slices)
            say(event="tile", index=done, of=total, slice=index, window=window)
            time.sleep(PAUSE)
            if done == HOLD:
                stop.wait()
            if stop.is_set():
                say(event="done", what="predict", path=str(job.path), stopped=True, seconds=0.1)
                return
    if classes:
        of = np.array([0, *config.class_values], np.int32)
        write_array(job.path / "labels.npy", of[probability.argmax(axis=1)])
        say(event="done", what="predict", path=str(job.path), stopped=False, seconds=0.1)
        return
    cells = np.stack([label_cells(p, InstanceSettings()) for p in probability])
    cells += np.arange(len(cells), dtype=np.int32)[:, None, None] * 1000 * (cells > 0)
    write_array(job.path / "labels.npy", cells)
    say(event="done", what="predict", path=str(job.path), stopped=False, seconds=0.1)


def main() -> None:
    threading.Thread(target=listen, daemon=True).start()
    say(event="ready", pid=os.getpid(), device="cpu", precision="fp32", words="fake")
    while True:
        with here:
            here.wait_for(lambda: commands)
            verb, _, path = commands.pop(0).partition(" ")
            stop.clear()
        if verb in ("train", "predict"):
            take_settings()
        if verb == "train":
            train(Path(path))
        elif verb == "predict":
            predict(JobFolder(Path(path)))
        elif verb == "toil":
            stop.wait(float(path))
        elif verb == "say-nonsense":
            sys.stdout.write("not json\n")
        elif verb == "fail":
            say(event="failed", what="train", path=path, words="there is no such thing")
        elif verb == "crash":
            sys.stderr.write("out of luck\n")
            sys.exit(3)
        elif verb == "quit":
            return


if __name__ == "__main__":
    main()

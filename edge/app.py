"""The composition root: the only place that picks real or fake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from edge.camera import Camera
from edge.camera.source import open_camera
from edge.clock import SystemClock
from edge.config import Config
from edge.pipeline import Vision
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR


def open_vision(config: Config) -> Vision:
    """The models that the configuration names. Raises ModelError, ConfigError."""
    directory = Path(config.runtime.models_dir) if config.runtime.models_dir else MODELS_DIR
    return Vision(ModelStore(directory, config.runtime.threads), config)


def open_cameras(sources: Sequence[str], config: Config, *, realtime: bool) -> Camera:
    """The camera or recordings named by ``sources``. Raises CameraError, InputError."""
    return open_camera(sources, config.camera, SystemClock(), realtime)


def with_min_face(config: Config, min_face_px: int | None) -> Config:
    """The configuration with another smallest face to look for, if one is given."""
    if min_face_px is None:
        return config
    return replace(config, detect=replace(config.detect, min_face_px=min_face_px))

"""MTCNN with its published weights, as `import mtcnn` ports them, in Vigil's own cascade: what training replaced."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.runtime.litert import ModelStore
from edge.types import Floats, Frame
from training.wheels import cache_root, publish

_FOLDER = "mtcnn-upright"  # another name where what is ported changes: what lies there is not made again
_PUBLISHED = msgspec.structs.replace(DetectConfig(), pnet_score_min=0.6, rnet_score_min=0.7, fpnet_score_min=0.7)


class ImportedMtcnn:
    """P-, R- and O-Net, float32, at the thresholds of the mtcnn package; the smallest face is Vigil's."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        """Ports the weights into the cache on first use (half a minute). Raises InputError, ModelError."""
        self._cascade = Cascade(ModelStore(ported(cache_dir or cache_root())), _PUBLISHED)

    def boxes(self, frame: Frame) -> Floats:
        return self._cascade.detect(frame).boxes


def ported(cache_dir: Path) -> Path:
    """The folder of the ported nets with its manifest. It appears whole or not at all. Raises InputError."""
    folder = cache_dir / _FOLDER
    if not (folder / "manifest.toml").is_file():
        from training.models.port_mtcnn import port_cascade  # it brings TensorFlow, which a second run does without

        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir, prefix=f".{_FOLDER}-") as scratch:
            made = Path(scratch) / "made"
            port_cascade(made)
            publish(made, folder)
    return folder

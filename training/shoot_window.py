"""The window of `collect`, in tkinter: the OpenCV that Vigil depends on has no windows."""

from __future__ import annotations

import tkinter

import cv2

from edge.errors import InputError
from edge.types import Frame
from training.shoot import QUIT

_SIDE_MAX_PX = 800


class TkWindow:
    """One window; the newest key is kept until it is asked for."""

    def __init__(self) -> None:
        """Raises InputError where there is no screen."""
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise InputError(f"expected a screen for a window, found none ({error}); use --timed") from error
        self._view = tkinter.Label(self._root)
        self._view.pack()
        self._image: tkinter.PhotoImage | None = None  # tkinter itself holds no reference
        self._key: str | None = None
        self._root.bind("<Key>", lambda event: self._press(event.char))
        self._root.protocol("WM_DELETE_WINDOW", lambda: self._press(QUIT))

    def _press(self, key: str) -> None:
        self._key = key

    def show(self, frame: Frame, caption: str) -> None:
        scale = min(_SIDE_MAX_PX / max(frame.width, frame.height), 1)
        small = cv2.resize(frame.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, ppm = cv2.imencode(".ppm", cv2.flip(small, 1))  # mirrored, as one is used to
        self._image = tkinter.PhotoImage(data=ppm.tobytes(), master=self._root)
        self._view.configure(image=self._image)
        self._root.title(caption)
        self._root.update()

    def key(self) -> str | None:
        key, self._key = self._key, None
        return key

    def close(self) -> None:
        self._root.destroy()

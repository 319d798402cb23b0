"""Telling systemd how the service is: sd_notify(3) over the socket named in the environment."""

from __future__ import annotations

import os
import socket


class Notifier:
    """Sends READY, WATCHDOG, STATUS and STOPPING. Without ``NOTIFY_SOCKET`` every call does nothing."""

    def __init__(self, address: str | None = None) -> None:
        """``address``: the socket's path, or @name in the abstract namespace; default: what systemd set."""
        self._address = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def ready(self) -> None:
        self._send("READY=1")

    def alive(self) -> None:
        """A frame was completed. Nothing else may ping the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket and self._address:
            address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
            self._socket.sendto(message.encode(), address)

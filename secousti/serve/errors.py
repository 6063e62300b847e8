"""Why a request or a session was refused, in words, as HTTP and as WebSocket."""

from __future__ import annotations

from secousti.errors import SecoustiError

# code: (WebSocket close code, HTTP status)
CODES = {
    "bad_message": (4400, 400),
    "unauthorized": (4401, 401),
    "forbidden": (4403, 403),
    "unknown_model": (4404, 404),
    "not_found": (4404, 404),
    "idle": (4408, 408),
    "out_of_order": (4409, 409),
    "too_large": (4413, 413),
    "too_long": (4414, 413),
    "internal": (1011, 500),
    "closing": (1012, 503),
    "overloaded": (1013, 503),
}


class Refused(SecoustiError):
    """``code`` is one of ``CODES``; the message is a sentence for the client."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def close_code(self) -> int:
        """Of the WebSocket."""
        return CODES[self.code][0]

    @property
    def status(self) -> int:
        """Of an HTTP response."""
        return CODES[self.code][1]

    def as_dict(self) -> dict[str, str]:
        """``code`` and ``message``."""
        return {"code": self.code, "message": str(self)}

"""From the bytes of a file to its text: compression and encoding, told by the bytes alone."""

import codecs
import gzip
import zlib

from lyceum.systems.events.source.errors import UnreadableFileError

_GZIP = b"\x1f\x8b"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PROBE = 4_096


def decompressed(data: bytes) -> bytes:
    """The content of a gzip file, whatever its name says; other bytes as they are."""
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        message = f"expected a whole gzip file, found one that breaks off or is damaged: {error}"
        raise UnreadableFileError(message) from None


def without_mark(data: bytes) -> tuple[bytes, str | None]:
    """The bytes after the byte order mark, and the encoding that it stands for."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :], encoding
    return data, None


def decoded(data: bytes) -> str:
    """The text of UTF-8, UTF-16 or Windows-1252 bytes.

    Without a byte order mark UTF-16 is known by its zeros, and what is not UTF-8 is
    Windows-1252.
    """
    body, marked = without_mark(data)
    encoding = marked or _utf16_by_zeros(body[:_PROBE])
    for candidate in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            text = body.decode(candidate)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    expected = "text in UTF-8, UTF-16 or Windows-1252"
    message = f"expected {expected}, found bytes that are none of them"
    raise UnreadableFileError(message)


def _utf16_by_zeros(probe: bytes) -> str | None:
    """Every second byte of Western UTF-16 text is zero."""
    pairs = len(probe) // 2
    if pairs and probe[1::2].count(0) > 0.4 * pairs and probe[0::2].count(0) < 0.1 * pairs:
        return "utf-16-le"
    if pairs and probe[0::2].count(0) > 0.4 * pairs and probe[1::2].count(0) < 0.1 * pairs:
        return "utf-16-be"
    return None

"""From the bytes of a file to its text: compression and encoding, told by the bytes alone."""

import codecs
import gzip
import re
import zlib

from lyceum.systems.events.source.errors import UnreadableFileError

_GZIP = b"\x1f\x8b"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PROBE = 4_096
_BYTES_KEPT = "lyceum.bytes_kept"
_MISFIT = re.compile("[\udc00-\udcff]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")


def decompressed(data: bytes) -> bytes:
    """The content of a gzip file, whatever its name says; other bytes as they are."""
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        message = f"expected a whole gzip file, found one that breaks off or is damaged: {error}"
        raise UnreadableFileError(message) from None


def _without_mark(data: bytes) -> tuple[bytes, str | None]:
    """The bytes after the byte order mark, and the encoding that it stands for."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :], encoding
    return data, None


def decoded(data: bytes) -> tuple[str, bool]:
    """The text of UTF-8, UTF-16 or Windows-1252 bytes, and whether Windows-1252 is a guess.

    Without a byte order mark UTF-16 is known by its zeros. Windows-1252 is what has more bytes
    that are not UTF-8 than characters that only UTF-8 has. Bytes that do not fit are lone
    surrogates in the text: their lines are malformed, the others are not.
    """
    body, marked = _without_mark(data)
    encoding = marked or _utf16_by_zeros(body[:_PROBE]) or "utf-8"
    text = body.decode(encoding, _BYTES_KEPT)
    if marked or encoding != "utf-8" or text.isascii():
        return text, False
    misfits = len(_MISFIT.findall(text))
    if misfits <= len(_NOT_ASCII.findall(text)) - misfits:
        return text, False
    return body.decode("cp1252", _BYTES_KEPT), True


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """What `surrogateescape` does, for bytes of every value."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


codecs.register_error(_BYTES_KEPT, _keep_bytes)


def _utf16_by_zeros(probe: bytes) -> str | None:
    """Every second byte of Western UTF-16 text is zero."""
    pairs = len(probe) // 2
    if pairs and probe[1::2].count(0) > 0.4 * pairs and probe[0::2].count(0) < 0.1 * pairs:
        return "utf-16-le"
    if pairs and probe[0::2].count(0) > 0.4 * pairs and probe[1::2].count(0) < 0.1 * pairs:
        return "utf-16-be"
    return None

"""Where a msgpack message ends, found without building it. See `framing.py`."""

from libc.stdint cimport uint64_t


cdef uint64_t _big_endian(const unsigned char *bytes, Py_ssize_t size) noexcept nogil:
    cdef uint64_t value = 0
    cdef Py_ssize_t index
    for index in range(size):
        value = value << 8 | bytes[index]
    return value


cdef class Framer:
    """Walks over the items of one message as its bytes arrive; each byte is looked at once."""

    cdef readonly Py_ssize_t position  # where the next item begins, or the message ends
    cdef Py_ssize_t _missing, _seen, _max_bytes, _max_items

    def __init__(self, Py_ssize_t max_bytes, Py_ssize_t max_items):
        self._max_bytes = max_bytes
        self._max_items = max_items
        self.reset()

    def reset(self):
        """Begins the next message."""
        self.position = 0
        self._missing = 1
        self._seen = 0

    def advance(self, const unsigned char[::1] data not None):
        """Goes on in the message, of which `data` is what has come; returns whether it is whole."""
        cdef Py_ssize_t size = data.shape[0], position = self.position
        cdef Py_ssize_t width, head
        cdef uint64_t length, inside, room = self._max_bytes
        cdef unsigned char kind
        while self._missing and position < size:
            kind = data[position]
            # width: bytes of the length field; length: bytes of payload; inside: items within.
            width, length, inside = 0, 0, 0
            if kind < 0x80 or kind >= 0xE0:  # small integers
                pass
            elif kind < 0x90:
                inside = 2 * (kind & 0x0F)
            elif kind < 0xA0:
                inside = kind & 0x0F
            elif kind < 0xC0:
                length = kind & 0x1F
            elif kind == 0xC0 or kind == 0xC2 or kind == 0xC3:  # nil, false, true
                pass
            elif kind == 0xC1:
                raise ValueError("byte 0xc1 begins nothing in msgpack")
            elif kind <= 0xC6:  # bin
                width = 1 << (kind - 0xC4)
            elif kind <= 0xC9:  # ext, with a type byte
                width = 1 << (kind - 0xC7)
            elif kind == 0xCA:  # float
                length = 4
            elif kind == 0xCB:
                length = 8
            elif kind <= 0xD3:  # unsigned and signed integers
                length = 1 << ((kind - 0xCC) & 3)
            elif kind <= 0xD8:  # ext of fixed size, with a type byte
                length = 1 + (1 << (kind - 0xD4))
            elif kind <= 0xDB:  # str
                width = 1 << (kind - 0xD9)
            else:  # array and map, of 16 or 32 bits
                width = 2 << (kind & 1)
            head = position + 1 + width
            if head > size:
                break
            if width:
                length = _big_endian(&data[position + 1], width)
                if kind >= 0xDC:
                    inside, length = length * (2 if kind >= 0xDE else 1), 0
                elif 0xC7 <= kind <= 0xC9:
                    length += 1
            if head + length > room:
                raise ValueError(f"a message of more than {self._max_bytes} bytes")
            if self._seen + self._missing + inside > <uint64_t> self._max_items:
                raise ValueError(f"a message of more than {self._max_items} items")
            if head + <Py_ssize_t> length > size:
                break
            position = head + <Py_ssize_t> length
            self._seen += 1
            self._missing += <Py_ssize_t> inside - 1
        self.position = position
        return self._missing == 0

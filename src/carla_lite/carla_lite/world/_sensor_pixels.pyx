"""Depths and labels as CARLA's pixels, compiled; see `carla_lite.world.sensors.pixels`.

A pixel is the bytes B, G, R, A; read as one little-endian number, blue is the lowest byte.
"""

cdef enum:
    OPAQUE = 0xFF000000


def encode_depth(const float[::1] depth, unsigned int[::1] pixels, double limit, double steps_per_m):
    """Depth in steps: red the lowest byte, then green, then blue."""
    cdef Py_ssize_t i
    cdef double metres
    cdef unsigned int steps
    with nogil:
        for i in range(depth.shape[0]):
            metres = depth[i]
            metres = metres if metres < limit else limit  # also what is infinite
            steps = <unsigned int><int>(metres * steps_per_m + 0.5)
            pixels[i] = (
                <unsigned int>OPAQUE | (steps & 0xFF) << 16 | (steps & 0xFF00) | (steps >> 16)
            )


def encode_tags(const unsigned char[::1] tags, unsigned int[::1] pixels):
    """The tag in red."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(tags.shape[0]):
            pixels[i] = <unsigned int>OPAQUE | <unsigned int>tags[i] << 16


def encode_instances(
    const unsigned char[::1] tags, const unsigned int[::1] ids, unsigned int[::1] pixels
):
    """The tag in red, the low byte of the id in green and the next one in blue."""
    cdef Py_ssize_t i
    cdef unsigned int number
    with nogil:
        for i in range(tags.shape[0]):
            number = ids[i] ^ (ids[i] >> 15 & 0x8000)  # bit 30 marks what stands on the map
            pixels[i] = (
                <unsigned int>OPAQUE
                | <unsigned int>tags[i] << 16
                | (number & 0xFF) << 8
                | (number >> 8 & 0xFF)
            )

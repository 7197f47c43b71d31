# The machine's peak, as the kernels of this instruction set can reach it.


def multiply_add_rate(dtype, double seconds):
    """Operations a second of multiply-adds on registers, on the calling thread alone; the GIL is released.

    Args:
        dtype: "float32" or "float64".
        seconds: How long to measure.

    Returns:
        Operations a second; a multiply-add is two.
    """
    cdef const fastnn_kernels *k = kernels_of(np.dtype(dtype))
    cdef double start, end, now, room
    cdef int64_t operations = 0
    with nogil:
        for _ in range(8):  # caches and clock settle
            k.multiply_adds(4096, &room)
        start = now = fastnn_now()
        end = start + seconds
        while now < end:
            operations += k.multiply_adds(4096, &room)
            now = fastnn_now()
    return <double>operations / max(now - start, 1e-9)

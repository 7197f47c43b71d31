# What features become in front of a model: bins, rows of zeros and ones, hashes.


def hash_bytes(list strings not None, key=None):
    """The 64-bit hash of each byte string: FarmHash's Fingerprint64, or SipHash-2-4 where there is a key.

    Args:
        strings: A list of `bytes`.
        key: Two integers, of which the lowest 64 bits count; or None.

    Returns:
        A uint64 array, one element for each string.

    Example:

    >>> from fastnn import _kernels
    >>> _kernels.hash_bytes([b"A", b"B"]) % 3
    array([1, 0], dtype=uint64)
    """
    cdef int64_t i, n = len(strings)
    cdef cnp.ndarray hashes = np.empty(n, np.uint64)
    cdef uint64_t *out = <uint64_t *>cnp.PyArray_DATA(hashes)
    cdef uint64_t key0 = 0, key1 = 0
    cdef bint keyed = key is not None
    cdef bytes string
    if keyed:
        key0, key1 = (int(word) & 0xFFFFFFFFFFFFFFFF for word in key)
    for i in range(n):
        if not isinstance(strings[i], bytes):
            raise TypeError(f"strings must be a list of bytes. Received: {strings[i]!r}")
        string = <bytes>strings[i]
        if keyed:
            out[i] = fastnn_siphash64(string, len(string), key0, key1)
        else:
            out[i] = fastnn_fingerprint64(string, len(string))
    return hashes


def discretize(cnp.ndarray x not None, cnp.ndarray boundaries not None):
    """How many of the ascending boundaries are not above each element of x[m, n]: all of them, for NaN."""
    check_array(x, 2, "x")
    check_array(boundaries, 1, "boundaries", x)
    cdef int64_t m = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1), k = cnp.PyArray_DIM(boundaries, 0)
    cdef cnp.ndarray y = empty_like(x)
    table(x).discretize(m, n, cnp.PyArray_DATA(x), n, k, cnp.PyArray_DATA(boundaries), cnp.PyArray_DATA(y), n)
    return y


def encode(cnp.ndarray x not None, int64_t depth, bint count=False):
    """y[m, depth]: 1 in the columns that are among x[m, n], else 0; or how often each is."""
    check_array(x, 2, "x")
    if depth < 1:
        raise ValueError(f"depth must be at least 1. Received: {depth}")
    cdef int64_t m = cnp.PyArray_DIM(x, 0), n = cnp.PyArray_DIM(x, 1)
    cdef cnp.ndarray y = np.empty((m, depth), x.dtype)
    table(x).encode(m, n, cnp.PyArray_DATA(x), n, depth, count, cnp.PyArray_DATA(y), depth)
    return y

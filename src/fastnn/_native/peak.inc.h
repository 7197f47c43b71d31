/* The rate of multiply-adds on registers: what no kernel of this instruction set can exceed.
 *
 * As many independent sums as the register tile of the matrix product has: enough to hide the latency of the pipes, few
 * enough for the registers. x is made unknown before each product, so that none can be moved out of the loop. */

static int64_t multiply_adds(int64_t rounds, void *sum) {
    enum { CHAINS = TILE_ROWS * TILE_VECS };
    V acc[CHAINS], x = v_set1((real)0.5), y = v_set1((real)0.25);
    _Pragma("GCC unroll 32") for (int i = 0; i < CHAINS; ++i) acc[i] = v_set1(0);
    for (int64_t r = 0; r < rounds; ++r) {
        _Pragma("GCC unroll 32") for (int i = 0; i < CHAINS; ++i) {
            x = v_unknown(x);
            acc[i] = v_fma(x, y, acc[i]);
        }
    }
    _Pragma("GCC unroll 32") for (int i = 1; i < CHAINS; ++i) acc[0] = v_add(acc[0], acc[i]);
    *(real *)sum = v_sum(acc[0]);
    return 2 * LANES * CHAINS * rounds;
}

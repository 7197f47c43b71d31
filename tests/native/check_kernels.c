/* Every kernel of every available table against plain loops in double. Needs no Python, so that an ISA can be checked
 * under an emulator. Small whole numbers where sums must come out exactly; else a tolerance in units of the dtype's
 * epsilon. Every output lies between guards. Prints a line for each table; exits with 1 after any difference. */
#include <stdio.h>
#include <string.h>

#include "checking.h"

int main(int count, char **names) {
    /* the tables named on the command line must be there; without names, all that this machine can run are checked */
    int seen = 0;
    for (int isa = 0; isa < fastnn_isa_count(); ++isa) {
        int wanted = count == 1;
        for (int i = 1; i < count; ++i) wanted |= !strcmp(names[i], fastnn_isa_name(isa));
        if (!wanted || !fastnn_isa_available(isa)) continue;
        ++seen;
        for (int itemsize = 4; itemsize <= 8; itemsize += 4) {
            start(fastnn_isa_kernels(isa, itemsize));
            const int failures_before = failures;
            if (strcmp(table->isa, fastnn_isa_name(isa)) || table->itemsize != itemsize)
                fail("the table says it is another");
            check_dense();
            check_activations();
            check_softmax();
            check_elementwise();
            check_columns();
            check_encoding();
            check_sparse_rows();
            check_numeric_features();
            check_updates();
            check_losses();
            check_metrics();
            check_dropout();
            check_convert();
            check_peak();
            printf("%s %s: %d comparisons, %d failed\n", table->isa, table->dtype, checks, failures - failures_before);
        }
    }
    if (count == 1 ? !seen : seen != count - 1) {
        printf("not every table that was asked for is available here\n");
        return 1;
    }
    return failures != 0;
}

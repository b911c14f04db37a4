#include "cmd/coverage.h"

#include "probe/plan.h"
#include "util/array.h"

bool coverage_is_counted(const struct operation *operation)
{
    return operation->kind == OPERATION_DECREMENT || operation->kind == OPERATION_INCREMENT ||
           operation->kind == OPERATION_TRY_INCREMENT || operation->kind == OPERATION_NO_ID_INCREMENT;
}

/* An atomic that several guards lead to is one. */
static bool is_first_of_atomic(const struct scan *scan, size_t number)
{
    return number == 0 || scan->operations[number - 1].address != scan->operations[number].address;
}

size_t coverage_atomics(const struct scan *scan)
{
    size_t found = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++)
        found += is_first_of_atomic(scan, i);
    return found;
}

size_t coverage_kind(const struct scan *scan, enum operation_kind kind)
{
    size_t found = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++)
        found += scan->operations[i].kind == kind && is_first_of_atomic(scan, i);
    return found;
}

size_t coverage_armable(const struct scan *scan, enum operation_kind kind, bool guarded)
{
    size_t found = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        const struct operation *operation = &scan->operations[i];

        found += operation->kind == kind && plan_is_armable(operation) && (operation->guarded || !guarded) &&
                 is_first_of_atomic(scan, i);
    }
    return found;
}

size_t coverage_armed(const struct scan *scan)
{
    size_t armed = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++)
        armed += plan_is_armed(&scan->operations[i]) && is_first_of_atomic(scan, i);
    return armed;
}

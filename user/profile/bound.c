/* The amounts of a budget, as people write them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/budget.h"
#include "util/error.h"

#define DECIMALS 6 /* as BUDGET_FRACTION has */

/* Digits, with '_' between them for the eye, as Python has it. Returns what follows; NULL if there is no
 * number. */
static const char *take_whole(const char *text, uint64_t *number)
{
    const char *at = text;

    for (*number = 0; (*at >= '0' && *at <= '9') || (*at == '_' && at > text && at[1] >= '0' && at[1] <= '9');
         at++) {
        if (*at == '_')
            continue;
        if (__builtin_mul_overflow(*number, 10u, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            return NULL;
    }
    return at == text ? NULL : at;
}

/* A number in millionths. */
static const char *take_fraction(const char *text, uint64_t *millionths)
{
    const char *at = take_whole(text, millionths);
    uint64_t unit = BUDGET_FRACTION;
    int digits = 0;

    if (!at || __builtin_mul_overflow(*millionths, unit, millionths))
        return NULL;
    if (*at != '.')
        return at;
    for (at++; *at >= '0' && *at <= '9'; at++, digits++) {
        unit /= 10;
        if (digits == DECIMALS ||
            __builtin_add_overflow(*millionths, unit * (uint64_t)(*at - '0'), millionths))
            return NULL;
    }
    return digits ? at : NULL;
}

static bool parse_plus(const char *text, struct bound *bound)
{
    const char *end = take_fraction(text, &bound->amount);

    if (end && strcmp(end, "%") == 0) {
        bound->kind = BOUND_TIMES;
        bound->amount /= 100;
        return !__builtin_add_overflow(bound->amount, (uint64_t)BUDGET_FRACTION, &bound->amount);
    }
    bound->kind = BOUND_PLUS;
    end = take_whole(text, &bound->amount);
    return end && !*end;
}

static bool parse(const char *text, struct bound *bound)
{
    const char *end;

    if (*text == '+')
        return parse_plus(text + 1, bound);
    end = take_fraction(text, &bound->amount);
    if (end && strcmp(end, "x") == 0) {
        bound->kind = BOUND_TIMES;
        return true;
    }
    if (end && strcmp(end, "/unit") == 0) {
        bound->kind = BOUND_PER_UNIT;
        return true;
    }
    bound->kind = BOUND_ABSOLUTE;
    end = take_whole(text, &bound->amount);
    return end && !*end;
}

int bound_parse(const char *text, struct bound *bound)
{
    if (parse(text, bound))
        return 0;
    return fail("'%s' is no maximum: there are 1000, 0.5/unit, and of the baseline 1.05x, +5%% and +100",
                text);
}

bool bound_is_relative(const struct bound *bound)
{
    return bound->kind == BOUND_PLUS || bound->kind == BOUND_TIMES;
}

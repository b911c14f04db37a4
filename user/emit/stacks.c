#include "emit/stacks.h"

#include <stdlib.h>

#include "emit/text.h"
#include "profile/number.h"

#define MOST_FRAMES 24 /* of one stack: more tell less */
#define INDENT 4
#define SHARE 6        /* "100 % " */

static void print_line(FILE *out, const char *text, const struct emit_options *options)
{
    size_t column = INDENT + SHARE + 1;

    text_print(out, text, options->width > (int)column ? (size_t)options->width - column : 0);
    fputc_unlocked('\n', out);
}

static void print_frames(FILE *out, const struct profile *profile, uint32_t node, const struct emit_options *options)
{
    size_t printed = 0, more = 0;
    char number[NUMBER_SIZE];

    for (; node; node = profile->nodes[node].parent) {
        char *label;

        if (printed == MOST_FRAMES) {
            more++;
            continue;
        }
        label = frame_label(profile, profile->nodes[node].frame);
        text_pad(out, INDENT + SHARE + 1);
        print_line(out, label ? label : "?", options);
        free(label);
        printed++;
    }
    if (more) {
        text_pad(out, INDENT + SHARE + 1);
        fprintf(out, "and %s more below\n", number_grouped(more, number));
    }
}

/* "  7 %": never 0, nor all where it is not. */
static void print_share(FILE *out, uint64_t hits, uint64_t all)
{
    if (hits * 100 < all)
        fputs(" <1 %  ", out);
    else if (hits < all && hits * 100 > all * 99)
        fputs(">99 %  ", out);
    else
        fprintf(out, "%3.0f %%  ", 100.0 * (double)hits / (double)all);
}

void stacks_print(FILE *out, const struct profile *profile, const struct row *row, const struct emit_options *options)
{
    for (uint32_t i = 0; i < row->stack_count && i < options->stacks; i++) {
        const struct row_stack *stack = &row->stacks[i];

        text_pad(out, INDENT);
        print_share(out, stack->hits, row->stack_hits);
        print_line(out, *stack->function ? stack->function : "?", options);
        print_frames(out, profile, stack->node, options);
    }
    if (options->stacks && !row->stack_count) {
        text_pad(out, INDENT);
        fputs_unlocked("no Python stack was seen\n", out);
    }
}

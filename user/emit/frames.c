#include "emit/frames.h"

#include <string.h>

#include "util/array.h"

struct frame_text frame_text(const struct profile *profile, const struct flame_node *node)
{
    const struct profile_frame *frame = &profile->frames[node->frame];

    if (!node->frame)
        return (struct frame_text){node->name, node->binary, 0};
    return (struct frame_text){profile_string(profile, frame->qualname), profile_string(profile, frame->file),
                               frame->line};
}

uint32_t frame_number(struct frame_entry **frames, struct frame_text frame)
{
    uint32_t next = (uint32_t)hmlenu(*frames);
    ptrdiff_t known = hmgeti(*frames, frame);

    if (known >= 0)
        return (*frames)[known].value;
    hmput(*frames, frame, next);
    return next;
}

const struct metric **frames_metrics(bool sampled, bool increfs)
{
    const struct metric **found = NULL;

    for (size_t i = 0; i < metric_count; i++) {
        bool of_samples = strcmp(metrics[i].key, "samples") == 0;

        if (metrics[i].sums && of_samples == sampled && (increfs || strcmp(metrics[i].key, "increfs") != 0))
            arrput(found, &metrics[i]);
    }
    return found;
}

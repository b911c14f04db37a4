#include "profile/format.h"

#include <string.h>

/* clang-format off */
#define ARRAY(tag, member, least) \
    {tag, sizeof(*((struct profile *)0)->member), least, offsetof(struct profile, member), false, false}
#define OPTIONAL(tag, member, least) \
    {tag, sizeof(*((struct profile *)0)->member), least, offsetof(struct profile, member), false, true}
/* clang-format on */

const struct profile_section_kind profile_section_kinds[PROFILE_KINDS] = {
    {"META", sizeof(struct profile_meta), 64, offsetof(struct profile, meta), true, false},
    ARRAY("TARG", targets, 44),
    ARRAY("THRD", threads, 12),
    ARRAY("OBJS", objects, 32),
    ARRAY("SITE", sites, 24),
    ARRAY("CNTS", counts, 64),
    OPTIONAL("FRAM", frames, 16),
    OPTIONAL("NODE", nodes, 8),
    OPTIONAL("STAK", stacks, 24),
    OPTIONAL("MODS", modules, 56),
    ARRAY("TEXT", text, 1),
};

/* A reader elsewhere relies on these: a record may grow at its end, and nothing in it may move. */
_Static_assert(sizeof(struct profile_header) == 32 && sizeof(struct profile_section) == 32, "no padding");
_Static_assert(sizeof(struct profile_meta) == 216 && sizeof(struct profile_target) == 68, "no padding");
_Static_assert(sizeof(struct profile_thread) == 12 && sizeof(struct profile_object) == 40, "no padding");
_Static_assert(sizeof(struct profile_frame) == 16 && sizeof(struct profile_node) == 8, "no padding");
_Static_assert(sizeof(struct profile_stack) == 24 && sizeof(struct profile_module) == 56, "no padding");
_Static_assert(sizeof(struct profile_site) == 24 && sizeof(struct profile_count) == 72, "no padding");

uint32_t profile_tag(const char *tag)
{
    uint32_t value;

    memcpy(&value, tag, sizeof(value));
    return value;
}

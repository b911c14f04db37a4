#include "target/opcodes.h"

#include <string.h>

/* Specialised ones, from number to number: Include/opcode_ids.h and _specializations in Lib/_opcode_metadata.py of the
 * versions that opcode_table.h names. */
struct range {
    uint8_t of, first, last;
};
static const struct range ranges_3_13[] = {
    {OPCODE_BINARY_OP, 3, 3}, {OPCODE_BINARY_OP, 150, 156}, {OPCODE_BINARY_SUBSCR, 157, 161},
    {OPCODE_CALL, 162, 181}, {OPCODE_COMPARE_OP, 182, 184}, {OPCODE_CONTAINS_OP, 185, 186},
    {OPCODE_FOR_ITER, 187, 190}, {OPCODE_LOAD_ATTR, 191, 202}, {OPCODE_LOAD_GLOBAL, 203, 204},
    {OPCODE_LOAD_SUPER_ATTR, 205, 206}, {OPCODE_RESUME, 207, 207}, {OPCODE_SEND, 208, 208},
    {OPCODE_STORE_ATTR, 209, 211}, {OPCODE_STORE_SUBSCR, 212, 213}, {OPCODE_TO_BOOL, 214, 219},
    {OPCODE_UNPACK_SEQUENCE, 220, 222},
};
static const struct range ranges_3_14[] = {
    {OPCODE_BINARY_OP, 3, 3}, {OPCODE_BINARY_OP, 129, 142}, {OPCODE_CALL, 143, 150}, {OPCODE_CALL, 154, 165},
    {OPCODE_CALL_KW, 151, 153}, {OPCODE_COMPARE_OP, 166, 168}, {OPCODE_CONTAINS_OP, 169, 170},
    {OPCODE_FOR_ITER, 171, 174}, {OPCODE_JUMP_BACKWARD, 175, 176}, {OPCODE_LOAD_ATTR, 177, 189},
    {OPCODE_LOAD_CONST, 190, 191}, {OPCODE_LOAD_GLOBAL, 192, 193}, {OPCODE_LOAD_SUPER_ATTR, 194, 195},
    {OPCODE_RESUME, 196, 196}, {OPCODE_SEND, 197, 197}, {OPCODE_STORE_ATTR, 198, 200},
    {OPCODE_STORE_SUBSCR, 201, 202}, {OPCODE_TO_BOOL, 203, 208}, {OPCODE_UNPACK_SEQUENCE, 209, 211},
};
static const struct range ranges_3_15[] = {
    {OPCODE_BINARY_OP, 3, 3}, {OPCODE_BINARY_OP, 129, 143}, {OPCODE_CALL, 144, 150}, {OPCODE_CALL, 153, 153},
    {OPCODE_CALL, 157, 168}, {OPCODE_CALL_FUNCTION_EX, 151, 152}, {OPCODE_CALL_KW, 154, 156},
    {OPCODE_COMPARE_OP, 169, 171}, {OPCODE_CONTAINS_OP, 172, 173}, {OPCODE_FOR_ITER, 174, 178},
    {OPCODE_GET_ITER, 179, 180}, {OPCODE_JUMP_BACKWARD, 181, 182}, {OPCODE_LOAD_ATTR, 183, 195},
    {OPCODE_LOAD_GLOBAL, 196, 197}, {OPCODE_LOAD_SUPER_ATTR, 198, 199}, {OPCODE_RESUME, 200, 201},
    {OPCODE_SEND, 202, 204}, {OPCODE_STORE_ATTR, 205, 207}, {OPCODE_STORE_SUBSCR, 208, 209},
    {OPCODE_TO_BOOL, 210, 215}, {OPCODE_UNPACK_SEQUENCE, 216, 218},
};
static const struct range ranges_3_16[] = {
    {OPCODE_BINARY_OP, 3, 3}, {OPCODE_BINARY_OP, 129, 143}, {OPCODE_CALL, 144, 150}, {OPCODE_CALL, 153, 153},
    {OPCODE_CALL, 157, 168}, {OPCODE_CALL_FUNCTION_EX, 151, 152}, {OPCODE_CALL_KW, 154, 156},
    {OPCODE_COMPARE_OP, 169, 171}, {OPCODE_CONTAINS_OP, 172, 173}, {OPCODE_FOR_ITER, 174, 178},
    {OPCODE_GET_ITER, 179, 180}, {OPCODE_JUMP_BACKWARD, 181, 182}, {OPCODE_LOAD_ATTR, 183, 195},
    {OPCODE_LOAD_GLOBAL, 196, 197}, {OPCODE_LOAD_SUPER_ATTR, 198, 199}, {OPCODE_RESUME, 200, 201},
    {OPCODE_SEND, 202, 204}, {OPCODE_STORE_ATTR, 205, 207}, {OPCODE_STORE_SUBSCR, 208, 209},
    {OPCODE_TO_BOOL, 210, 215}, {OPCODE_UNPACK_SEQUENCE, 216, 218},
};

/* From and to are versions as PY_VERSION_HEX: bytecode is frozen from the first release candidate on. */
static const struct numbering {
    uint32_t from, until;
    const struct range *ranges;
    size_t count;
    uint8_t line, instruction;
} numberings[] = {
#define RANGES(ranges) ranges, sizeof(ranges) / sizeof((ranges)[0])
    {0x030d00c2, 0x030dffff, RANGES(ranges_3_13), 254, 247},
    {0x030e00c1, 0x030effff, RANGES(ranges_3_14), 254, 238},
    {0x030f00c1, 0x030fffff, RANGES(ranges_3_15), 253, 237},
    {0x031000a0, 0x031000a0, RANGES(ranges_3_16), 253, 237},
};
#define NUMBERINGS (sizeof(numberings) / sizeof(numberings[0]))

/* Number 0 is CACHE, which is no instruction. */
static const uint8_t numbers[OPCODE_COUNT][NUMBERINGS] = {
#define X(name, a, b, c, d, ...) [OPCODE_##name] = {a, b, c, d},
    OPCODE_TABLE(X)
#undef X
};

static const struct {
    uint8_t of, numbers[NUMBERINGS];
} instrumented[] = {
#define X(name, a, b, c, d) {OPCODE_##name, {a, b, c, d}},
    OPCODE_INSTRUMENTED(X)
#undef X
};

/* Alphas of 3.14 up to the second have the stack effects of 3.13, but for with statements: v3.14.0a1. */
enum { V3_14_A0 = 0x030e00a0, V3_14_A1 = 0x030e00a1, V3_14_RC = 0x030e00c1, V3_15_RC = 0x030f00c1, V3_16_A0 = 0x031000a0 };

static bool is_known(uint64_t hex)
{
    return (hex >= 0x030d00c2 && hex <= V3_14_A1) || (hex >= V3_14_RC && hex <= 0x030effff) ||
           (hex >= V3_15_RC && hex <= V3_16_A0);
}

static void begin(struct opcodes *opcodes, uint64_t hex)
{
    memset(opcodes, 0, sizeof(*opcodes));
    opcodes->since14 = hex >= V3_14_RC;
    opcodes->since15 = hex >= V3_15_RC;
    opcodes->specials = hex >= V3_14_A0;
}

static struct opcode_effect table_effect(const struct opcodes *opcodes, enum opcode opcode, uint32_t n)
{
    bool since14 = opcodes->since14, since15 = opcodes->since15, specials = opcodes->specials;
    struct opcode_effect effect = {.flow = OPCODE_NEXT};

    switch (opcode) {
#define X(name, a, b, c, d, takes, puts, keeps, goes, units)                                                        \
    case OPCODE_##name:                                                                                             \
        effect = (struct opcode_effect){takes, puts, keeps, units, OPCODE_##goes};                                  \
        break;
        OPCODE_TABLE(X)
#undef X
    default:
        break;
    }
    return effect;
}

static void fill(struct opcodes *opcodes, size_t which)
{
    const struct numbering *numbering = &numberings[which];

    for (size_t i = 1; i < OPCODE_COUNT; i++) {
        opcodes->base[numbers[i][which]] = (uint8_t)i;
        opcodes->caches[i] = (uint8_t)table_effect(opcodes, i, 0).caches;
    }
    for (size_t i = 0; i < sizeof(instrumented) / sizeof(instrumented[0]); i++)
        opcodes->base[instrumented[i].numbers[which]] = instrumented[i].of;
    for (size_t i = 0; i < numbering->count; i++) {
        for (unsigned number = numbering->ranges[i].first; number <= numbering->ranges[i].last; number++)
            opcodes->base[number] = numbering->ranges[i].of;
    }
    opcodes->base[0] = OPCODE_UNKNOWN;
    opcodes->line = numbering->line;
    opcodes->instruction = numbering->instruction;
}

int opcodes_of(uint64_t hex_version, struct opcodes *opcodes)
{
    for (size_t i = 0; i < NUMBERINGS; i++) {
        if (hex_version >= numberings[i].from && hex_version <= numberings[i].until) {
            begin(opcodes, hex_version);
            fill(opcodes, i);
            return 0;
        }
    }
    return -1;
}

/* By its own name, or by that of what it stands for while code is monitored. */
static uint8_t opcode_named(const char *name)
{
    static const char *const names[OPCODE_COUNT] = {
#define X(name, ...) [OPCODE_##name] = #name,
        OPCODE_TABLE(X)
#undef X
    };
    static const char prefix[] = "INSTRUMENTED_";

    if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
        name += sizeof(prefix) - 1;
    for (size_t i = 1; i < OPCODE_COUNT; i++) {
        if (strcmp(name, names[i]) == 0)
            return (uint8_t)i;
    }
    return OPCODE_UNKNOWN;
}

int opcodes_by_name(uint64_t hex_version, const struct opcode_arrays *arrays, struct opcodes *opcodes)
{
    begin(opcodes, hex_version);
    if (!is_known(hex_version) || strcmp(arrays->names[0], "CACHE") != 0)
        return -1;
    for (unsigned number = 1; number < 256; number++) {
        const char *name = arrays->names[number], *plain = arrays->names[arrays->plain[number]];
        uint8_t opcode = opcode_named(*name ? plain : "");
        bool itself = strcmp(name, plain) == 0 && strncmp(name, "INSTRUMENTED_", 13) != 0;

        opcodes->base[number] = opcode;
        if (opcode != OPCODE_UNKNOWN && itself)
            opcodes->caches[opcode] = arrays->caches[number];
        if (strcmp(name, "INSTRUMENTED_LINE") == 0)
            opcodes->line = (uint8_t)number;
        if (strcmp(name, "INSTRUMENTED_INSTRUCTION") == 0)
            opcodes->instruction = (uint8_t)number;
    }
    return opcodes->line && opcodes->instruction ? 0 : -1;
}

struct opcode_effect opcode_effect(const struct opcodes *opcodes, enum opcode opcode, uint32_t argument)
{
    struct opcode_effect effect = table_effect(opcodes, opcode, argument);

    effect.caches = opcode < OPCODE_COUNT ? opcodes->caches[opcode] : 0;
    return effect;
}

/* The data flow through a piece of literal machine code, and what it knows at an address, as text. */
#ifndef HOTREF_TESTS_CODE_FLOW_H
#define HOTREF_TESTS_CODE_FLOW_H

#include <stdio.h>

#include "code_file.h"
#include "probe/scan.h"

struct code_flow {
    struct elf_file *file;
    struct decoder *decoder;
    struct unit *unit;
    struct flow *flow;
};

/* The function at entry, with its cold half if that is not 0. */
static inline struct code_flow code_flow_new(const struct code_piece *pieces,
                                             const struct code_symbol *symbols, uint64_t entry, uint64_t cold)
{
    struct code_flow code = {.file = code_file(pieces, symbols), .decoder = decoder_new()};
    struct code_range *ranges = NULL;

    arrput(ranges, *elf_file_code_at(code.file, entry));
    if (cold)
        arrput(ranges, *elf_file_code_at(code.file, cold));
    code.unit = unit_build(code.file, code.decoder, ranges);
    code.flow = flow_new(code.unit);
    return code;
}

static inline void code_flow_free(struct code_flow *code)
{
    flow_free(code->flow);
    unit_free(code->unit);
    decoder_free(code->decoder);
    elf_file_close(code->file);
}

/* What holds right before one instruction. */
struct moment {
    uint64_t address;
    bool reached;
    struct flow *flow;
    struct op op;
    struct flow_state state;
};

static inline void moment_visit(void *context, const struct flow *flow, const struct op *op,
                                const struct flow_state *state)
{
    struct moment *moment = context;

    (void)flow;
    if (op->address != moment->address)
        return;
    moment->reached = true;
    moment->op = *op;
    moment->state = *state;
}

static inline struct moment moment_at(const struct code_flow *code, uint64_t address)
{
    struct moment moment = {.address = address, .flow = code->flow};

    flow_walk(code->flow, moment_visit, &moment);
    return moment;
}

static inline const char *code_reg(unsigned reg)
{
    static const char *const names[REG_COUNT] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                                 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

    return reg < REG_COUNT ? names[reg] : "stack";
}

/* of, then "+0x10" or "-0x10". */
static inline void code_step(char *into, size_t size, const char *of, int64_t step)
{
    snprintf(into, size, "%s%s0x%llx", of, step < 0 ? "-" : "+",
             (unsigned long long)(step < 0 ? -(uint64_t)step : (uint64_t)step));
}

/*
 * A value as an expression of what the function was entered with: "rdi+0x10", "[rdi+0x20]" for what is read
 * there, "result(0x1140)", "rdi+rsi*8+0x28", "(rdi or rsi)", "phi" where it differs by the way, "?" where it
 * is not known.
 */
static inline void value_text(const struct flow *flow, value_id id, char *into, size_t size)
{
    const struct value *value = value_of(flow, id);
    char a[256] = "", b[256] = "";

    if (value->a && value->kind != VALUE_PHI)
        value_text(flow, value->a, a, sizeof(a));
    if (value->b && value->kind != VALUE_PHI)
        value_text(flow, value->b, b, sizeof(b));
    switch (value->kind) {
    case VALUE_ENTRY:
        snprintf(into, size, "%s", code_reg((unsigned)value->c));
        break;
    case VALUE_CONST:
        snprintf(into, size, "0x%llx", (unsigned long long)value->c);
        break;
    case VALUE_ADD:
        code_step(into, size, a, value->c);
        break;
    case VALUE_AND:
        snprintf(into, size, "(%s & %lld)", a, (long long)value->c);
        break;
    case VALUE_OR:
        if (!value->b)
            snprintf(b, sizeof(b), "%lld", (long long)value->c);
        snprintf(into, size, "(%s | %s)", a, b);
        break;
    case VALUE_SELECT:
        snprintf(into, size, "(%s or %s)", a, b);
        break;
    case VALUE_SCALED:
        snprintf(into, size, "%.100s+%.100s*%d+0x%llx", a, b, (int)(value->c >> 48),
                 (unsigned long long)value->c & 0xffffffffffff);
        break;
    case VALUE_LOAD:
        snprintf(into, size, "[%.200s]", a);
        break;
    case VALUE_RESULT:
        snprintf(into, size, "result(0x%llx)", (unsigned long long)value->c);
        break;
    case VALUE_PHI:
        snprintf(into, size, "phi");
        break;
    case VALUE_THREAD:
        snprintf(into, size, "thread");
        break;
    default:
        snprintf(into, size, "?");
    }
}

/* "rbx", "[rsp+0x8]", "0x3000" for a fixed address, "nowhere". */
static inline void place_text(const struct place *place, char *into, size_t size)
{
    if (place->kind == PLACE_REG) {
        snprintf(into, size, "%s", code_reg(place->reg));
    } else if (place->kind == PLACE_STACK) {
        code_step(into, size, "[rsp", place->offset);
        strcat(into, "]");
    } else if (place->kind == PLACE_FIXED) {
        snprintf(into, size, "0x%llx", (unsigned long long)place->offset);
    } else {
        snprintf(into, size, "nowhere");
    }
}

static inline void append_place(char *text, size_t size, const char *before, const struct place *place,
                                int64_t disp)
{
    char where[64], whole[96];

    place_text(place, where, sizeof(where));
    code_step(whole, sizeof(whole), where, disp);
    snprintf(text + strlen(text), size - strlen(text), "%s%s", before, whole);
}

/* "field rbx+0x20", "item rbx+0x30", with what base itself was read from: "item nowhere+0x0 of rbx+0x28". */
static inline void slot_text(const struct slot *slot, char *text, size_t size)
{
    switch (slot->kind) {
    case SLOT_FIELD:
    case SLOT_ITEM:
        snprintf(text, size, slot->kind == SLOT_FIELD ? "field" : "item");
        append_place(text, size, " ", &slot->base, slot->disp);
        if (slot->outer.kind != PLACE_NONE)
            append_place(text, size, " of ", &slot->outer, slot->outer_disp);
        break;
    case SLOT_RESULT:
        snprintf(text, size, "result of 0x%llx", (unsigned long long)slot->callee);
        break;
    case SLOT_ARGUMENT:
        snprintf(text, size, "argument %d", slot->argument);
        break;
    case SLOT_STATIC:
        snprintf(text, size, "static 0x%llx", (unsigned long long)slot->disp);
        break;
    default:
        snprintf(text, size, "none");
    }
}

#define assert_value(moment, reg, expected)                                                                  \
    do {                                                                                                     \
        char value_text_[512];                                                                               \
                                                                                                             \
        assert_true((moment).reached);                                                                       \
        value_text((moment).flow, (moment).state.at[reg], value_text_, sizeof(value_text_));                 \
        assert_string_equal(value_text_, expected);                                                          \
    } while (0)

#define assert_place(where, expected)                                                                        \
    do {                                                                                                     \
        struct place place_ = (where);                                                                       \
        char place_text_[64];                                                                                \
                                                                                                             \
        place_text(&place_, place_text_, sizeof(place_text_));                                               \
        assert_string_equal(place_text_, expected);                                                          \
    } while (0)

#endif

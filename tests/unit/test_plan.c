/* What a scan found, in the words of abi.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/plan.h"
#include "util/array.h"

enum { TEXT = 0x401000, TEXT_END = 0x402000 };

static struct place in_reg(enum reg reg)
{
    return (struct place){.kind = PLACE_REG, .reg = reg};
}

static struct place on_stack(int64_t offset)
{
    return (struct place){.kind = PLACE_STACK, .offset = offset};
}

static struct place fixed(int64_t address)
{
    return (struct place){.kind = PLACE_FIXED, .offset = address};
}

static void check(struct abi_location location, enum abi_place place, int where, int64_t offset)
{
    assert_int_equal(location.place, place);
    assert_int_equal(location.where, where);
    assert_int_equal(location.offset, offset);
}

/* A decrement of the object in rbx, in a function with a frame of 24 bytes. */
static struct operation decrement(void)
{
    return (struct operation){
        .address = TEXT + 0x10,
        .probe = TEXT + 0x15,
        .kind = OPERATION_DECREMENT,
        .meaning = HIT_COUNTS_IF_ZERO,
        .object = in_reg(RBX),
        .slot = {.kind = SLOT_FIELD, .base = in_reg(R12), .disp = 0x20},
        .rule = {.depth = 24,
                 .saved = {on_stack(8), in_reg(RBP), on_stack(16), in_reg(R13), {0}, in_reg(R15)}},
    };
}

static void what_is_armed(void **state)
{
    struct operation operation = decrement();

    (void)state;
    assert_true(plan_is_armed(&operation));
    operation.object.kind = PLACE_NONE;
    assert_false(plan_is_armed(&operation));
    operation = decrement();
    operation.probe = 0;
    assert_false(plan_is_armed(&operation));
    for (int kind = OPERATION_UNKNOWN; kind < OPERATION_KINDS; kind++) {
        bool by_itself = kind == OPERATION_DECREMENT || kind == OPERATION_TRY_INCREMENT ||
                         kind == OPERATION_NO_ID_INCREMENT;

        operation = decrement();
        operation.kind = kind;
        assert_int_equal(plan_is_armed(&operation), by_itself);
        assert_int_equal(plan_is_armable(&operation), by_itself || kind == OPERATION_INCREMENT);
        assert_int_equal(plan_is_inlined(&operation), kind == OPERATION_INCREMENT);
    }
}

static void kinds_of_sites(void **state)
{
    struct operation operation = decrement();

    (void)state;
    assert_int_equal(plan_site(&operation).kind, ABI_SITE_DECREMENT);
    operation.kind = OPERATION_TRY_INCREMENT;
    assert_int_equal(plan_site(&operation).kind, ABI_SITE_INCREMENT);
    operation.kind = OPERATION_INCREMENT;
    operation.guarded = true;
    operation.meaning = HIT_COUNTS_IF_NOT;
    assert_int_equal(plan_site(&operation).kind, ABI_SITE_GUARDED);
    assert_int_equal(plan_site(&operation).meaning, ABI_HIT_COUNTS_IF_NOT);
}

/* By struct pt_regs of arch/x86/include/asm/ptrace.h: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di ..
 * .. .. .. sp. */
static void registers_at_the_probe(void **state)
{
    static const uint8_t words[REG_COUNT] = {
        [R15] = 0, [R14] = 1, [R13] = 2,  [R12] = 3,  [RBP] = 4,  [RBX] = 5,  [R11] = 6,  [R10] = 7,
        [R9] = 8,  [R8] = 9,  [RAX] = 10, [RCX] = 11, [RDX] = 12, [RSI] = 13, [RDI] = 14, [RSP] = 19};
    struct operation operation = decrement();

    (void)state;
    for (int reg = 0; reg < REG_COUNT; reg++) {
        operation.object = in_reg(reg);
        check(plan_site(&operation).object, ABI_PLACE_REG, 8 * words[reg], 0);
    }
    operation.object = on_stack(-16);
    check(plan_site(&operation).object, ABI_PLACE_STACK, 0, -16);
    operation.object = fixed(0x5ff0c0);
    check(plan_site(&operation).object, ABI_PLACE_FIXED, 0, 0x5ff0c0);
}

static void a_site(void **state)
{
    struct operation operation = decrement();
    struct abi_site site = plan_site(&operation);

    (void)state;
    assert_int_equal(site.meaning, ABI_HIT_COUNTS_IF_ZERO);
    assert_int_equal(site.argument, ABI_NO_ARGUMENT);
    assert_int_equal(site.adjust, 0);
    check(site.slot.base, ABI_PLACE_REG, 24, 0);
    check(site.slot.outer, ABI_PLACE_NONE, 0, 0);
    assert_int_equal(site.frame.depth, 24);
    check(site.frame.saved[0], ABI_PLACE_STACK, 0, 8);
    check(site.frame.saved[1], ABI_PLACE_REG, 32, 0);
    check(site.frame.saved[4], ABI_PLACE_NONE, 0, 0);
    check(site.frame.saved[5], ABI_PLACE_REG, 0, 0);
}

/* rdx holds object + 16, the address of the count: 16 is to be taken off. */
static void a_site_with_the_address_of_the_count(void **state)
{
    struct operation operation = decrement();

    (void)state;
    operation.object = in_reg(RDX);
    operation.adjust = 16;
    assert_int_equal(plan_site(&operation).adjust, -16);
}

static void a_site_whose_caller_knows(void **state)
{
    struct operation operation = decrement();
    struct abi_site site;

    (void)state;
    operation.slot = (struct slot){.kind = SLOT_ARGUMENT, .argument = 2};
    site = plan_site(&operation);
    assert_int_equal(site.argument, 2);
    check(site.slot.base, ABI_PLACE_NONE, 0, 0);
    operation.slot = (struct slot){.kind = SLOT_RESULT, .base = in_reg(RBX)};
    site = plan_site(&operation);
    assert_int_equal(site.argument, ABI_NO_ARGUMENT);
    check(site.slot.base, ABI_PLACE_NONE, 0, 0);
}

static struct caller caller_at(uint64_t returns_to, struct slot slot)
{
    return (struct caller){
        .returns_to = returns_to,
        .arguments = {slot},
        .rule = {.depth = 8, .saved = {in_reg(RBX), on_stack(0), {0}, {0}, {0}, in_reg(R15)}}};
}

static struct slot field_of(struct place base)
{
    return (struct slot){.kind = SLOT_FIELD, .base = base, .disp = 0x20};
}

/* In a caller only saved registers hold what they did, and go by their number in abi_frame. */
static void registers_of_a_caller(void **state)
{
    static const enum reg saved[] = {RBX, RBP, R12, R13, R14, R15};
    struct scan scan = {.text_start = TEXT, .text_end = TEXT_END};
    struct abi_caller *planned;

    (void)state;
    for (int i = 0; i < 6; i++)
        arrput(scan.callers, caller_at(TEXT + 16 * i, field_of(in_reg(saved[i]))));
    arrput(scan.callers, caller_at(TEXT + 0x100, field_of(in_reg(RDI))));
    arrput(scan.callers, caller_at(TEXT + 0x110, field_of(on_stack(0x28))));
    planned = plan_callers(&scan);
    assert_int_equal(arrlen(planned), 8);
    for (int i = 0; i < 6; i++) {
        check(planned[i].slots[0].base, ABI_PLACE_REG, i, 0);
        assert_int_equal(planned[i].returns_to, TEXT + 16 * i);
    }
    check(planned[6].slots[0].base, ABI_PLACE_NONE, 0, 0);
    check(planned[7].slots[0].base, ABI_PLACE_STACK, 0, 0x28);
    check(planned[0].frame.saved[0], ABI_PLACE_REG, 0, 0);
    check(planned[0].frame.saved[1], ABI_PLACE_STACK, 0, 0);
    check(planned[0].frame.saved[2], ABI_PLACE_NONE, 0, 0);
    check(planned[0].frame.saved[5], ABI_PLACE_REG, 5, 0);
    assert_int_equal(planned[0].frame.depth, 8);
    arrfree(planned);
    arrfree(scan.callers);
}

static void arguments_of_a_caller(void **state)
{
    struct scan scan = {.text_start = TEXT, .text_end = TEXT_END};
    struct caller caller = caller_at(TEXT, field_of(in_reg(RBX)));
    struct abi_caller *planned;

    (void)state;
    caller.arguments[1] = (struct slot){.kind = SLOT_ARGUMENT, .argument = 3};
    caller.arguments[2] = (struct slot){.kind = SLOT_RESULT};
    caller.arguments[3] = (struct slot){
        .kind = SLOT_ITEM, .outer = in_reg(R12), .outer_disp = 0x28, .item = in_reg(R13), .item_disp = -8};
    arrput(scan.callers, caller);
    planned = plan_callers(&scan);
    assert_int_equal(planned[0].known, 1 << 0 | 1 << 3);
    assert_int_equal(planned[0].passes[0], ABI_NO_ARGUMENT);
    assert_int_equal(planned[0].passes[1], 3);
    assert_int_equal(planned[0].passes[2], ABI_NO_ARGUMENT);
    check(planned[0].slots[3].base, ABI_PLACE_NONE, 0, 0);
    check(planned[0].slots[3].outer, ABI_PLACE_REG, 2, 0);
    check(planned[0].slots[3].item, ABI_PLACE_REG, 3, -8);
    check(planned[0].slots[0].item, ABI_PLACE_NONE, 0, 0);
    arrfree(planned);
    arrfree(scan.callers);
}

/* Of a call that nothing is known of, or only what its function returned, BPF need not hear. */
static void useless_callers_are_left_out(void **state)
{
    struct scan scan = {.text_start = TEXT, .text_end = TEXT_END};

    (void)state;
    arrput(scan.callers, caller_at(TEXT, (struct slot){.kind = SLOT_NONE}));
    arrput(scan.callers, caller_at(TEXT + 8, (struct slot){.kind = SLOT_RESULT}));
    arrput(scan.callers, caller_at(TEXT + 16, (struct slot){.kind = SLOT_STATIC}));
    assert_null(plan_callers(&scan));
    arrfree(scan.callers);
}

static void index_by_return_address(void **state)
{
    const struct scan scan = {.text_start = TEXT, .text_end = TEXT_END};
    struct abi_caller *callers = NULL;
    struct abi_caller_chunk chunks[0x1000 / 4 / ABI_CALLER_CHUNK + 1] = {0};

    (void)state;
    assert_int_equal(plan_chunks(&scan), sizeof(chunks) / sizeof(chunks[0]));
    arrput(callers, ((struct abi_caller){.returns_to = TEXT}));
    arrput(callers, ((struct abi_caller){.returns_to = TEXT + 5})); /* the next index */
    arrput(callers, ((struct abi_caller){.returns_to = TEXT + 7})); /* the same one */
    arrput(callers, ((struct abi_caller){.returns_to = TEXT + 4 * ABI_CALLER_CHUNK}));
    arrput(callers, ((struct abi_caller){.returns_to = TEXT_END})); /* a call that is the last instruction */
    assert_int_equal(plan_index(&scan, callers, chunks), 1);
    assert_int_equal(chunks[0].index[0], 1);
    assert_int_equal(chunks[0].index[1], 2);
    assert_int_equal(chunks[0].index[2], 0);
    assert_int_equal(chunks[1].index[0], 4);
    assert_int_equal(chunks[32].index[0], 5);
    arrfree(callers);
}

/* The index has 16 bits: what it cannot tell is left out and said, not told wrong. */
static void index_that_is_full(void **state)
{
    const struct scan scan = {.text_start = TEXT, .text_end = TEXT + 8 * 65536};
    struct abi_caller *callers = NULL;
    struct abi_caller_chunk *chunks = calloc(plan_chunks(&scan), sizeof(*chunks));

    (void)state;
    for (uint32_t i = 0; i < UINT16_MAX + 1u; i++)
        arrput(callers, ((struct abi_caller){.returns_to = TEXT + 8 * i}));
    assert_int_equal(plan_index(&scan, callers, chunks), 1);
    assert_int_equal(chunks[(2 * UINT16_MAX - 2) / ABI_CALLER_CHUNK].index[(2 * UINT16_MAX - 2) % ABI_CALLER_CHUNK],
                     UINT16_MAX);
    assert_int_equal(chunks[(2 * UINT16_MAX) / ABI_CALLER_CHUNK].index[(2 * UINT16_MAX) % ABI_CALLER_CHUNK], 0);
    arrfree(callers);
    free(chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_armed),
        cmocka_unit_test(kinds_of_sites),
        cmocka_unit_test(registers_at_the_probe),
        cmocka_unit_test(a_site),
        cmocka_unit_test(a_site_with_the_address_of_the_count),
        cmocka_unit_test(a_site_whose_caller_knows),
        cmocka_unit_test(registers_of_a_caller),
        cmocka_unit_test(arguments_of_a_caller),
        cmocka_unit_test(useless_callers_are_left_out),
        cmocka_unit_test(index_by_return_address),
        cmocka_unit_test(index_that_is_full),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}

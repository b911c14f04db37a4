/* One instruction at a time: what the data flow is told of it, and whether the kernel takes a probe on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probe/code.h"

/* Every instruction is decoded here, so that its targets are near 0x1000. */
enum { ADDRESS = 0x1000 };

struct instruction {
    const char *bytes;
    size_t size;
    const char *expected;
};
#define INSTRUCTION(bytes, expected)                                                                         \
    {                                                                                                        \
        (bytes), sizeof(bytes) - 1, (expected)                                                               \
    }

static struct decoder *decoder;

static int set_up(void **state)
{
    (void)state;
    decoder = decoder_new();
    return decoder ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    decoder_free(decoder);
    decoder_free(NULL);
    return 0;
}

static const char *const op_names[] = {
    [OP_OTHER] = "other",   [OP_NOP] = "nop",
    [OP_MOVE] = "move",     [OP_CONST] = "const",
    [OP_LEA] = "lea",       [OP_LOAD] = "load",
    [OP_STORE] = "store",   [OP_STORE_OTHER] = "store-other",
    [OP_ADD] = "add",       [OP_AND] = "and",
    [OP_OR] = "or",         [OP_SELECT] = "select",
    [OP_PUSH] = "push",     [OP_EXCHANGE] = "exchange",
    [OP_POP] = "pop",       [OP_LEAVE] = "leave",
    [OP_CALL] = "call",     [OP_THREAD_POINTER] = "thread-pointer",
    [OP_JUMP] = "jump",     [OP_BRANCH] = "branch",
    [OP_RETURN] = "return", [OP_ATOMIC] = "atomic",
    [OP_COMPARE] = "compare",
};

static const char *const atomic_names[] = {"", " cmpxchg", " add", " xadd", " xchg", " other"};

static const char *const reg_names[REG_COUNT] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                                 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static void append(char *text, const char *more)
{
    strcat(text, more);
}

static void append_reg(char *text, uint8_t reg)
{
    if (reg == NO_REG)
        return;
    append(text, " ");
    append(text, reg < REG_COUNT ? reg_names[reg] : "?");
}

static void append_number(char *text, const char *before, int64_t number)
{
    sprintf(text + strlen(text), "%s%s0x%llx", before, number < 0 ? "-" : "",
            (unsigned long long)(number < 0 ? -(uint64_t)number : (uint64_t)number));
}

/* " 8:[rax+r14*8+0x10]": the width comes first. */
static void append_memory(char *text, const struct op *op)
{
    if (!op->has_mem)
        return;
    sprintf(text + strlen(text), " %d:%s[", op->width, op->segment ? "segment" : "");
    if (op->base != NO_REG)
        append(text, reg_names[op->base]);
    if (op->index != NO_REG)
        sprintf(text + strlen(text), "+%s*%d", reg_names[op->index], op->scale);
    append_number(text, op->disp < 0 ? "" : "+", op->disp);
    append(text, "]");
}

/* All that there is to know of an op, in one line: "load rdi 8:[rbx+0x20]"; registers written besides with
 * "!". */
static void describe(const struct op *op, char *text)
{
    strcpy(text, op_names[op->code]);
    append(text, atomic_names[op->atomic]);
    append_reg(text, op->dst);
    append_reg(text, op->src);
    append_memory(text, op);
    if (op->value || op->code == OP_CONST)
        append_number(text, " ", op->value);
    if (op->zero_flag)
        append(text, op->taken_if_zero ? " if zero" : " if not zero");
    for (int reg = 0; reg < REG_COUNT; reg++) {
        if (op->clobbers & (1u << reg)) {
            append(text, " !");
            append(text, reg_names[reg]);
        }
    }
}

static void check(const struct instruction *instructions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[256];
        struct op op;

        assert_int_equal(
            decode_op(decoder, (const uint8_t *)instructions[i].bytes, instructions[i].size, ADDRESS, &op),
            0);
        assert_int_equal(op.length, instructions[i].size);
        assert_int_equal(op.address, ADDRESS);
        describe(&op, text);
        assert_string_equal(text, instructions[i].expected);
    }
}
#define CHECK(instructions) check(instructions, sizeof(instructions) / sizeof((instructions)[0]))

/* A write to 32 bits clears the rest: it ends what is known of the register, but for constants. */
static void moves(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\x48\x89\xfb", "move rbx rdi"),                     /* mov %rdi,%rbx */
        INSTRUCTION("\x89\xfb", "other !rbx"),                           /* mov %edi,%ebx */
        INSTRUCTION("\x48\x8b\x7b\x20", "load rdi 8:[rbx+0x20]"),        /* mov 0x20(%rbx),%rdi */
        INSTRUCTION("\x4a\x8b\x1c\xf0", "load rbx 8:[rax+r14*8+0x0]"),   /* mov (%rax,%r14,8),%rbx */
        INSTRUCTION("\x8b\x47\x0c", "other 4:[rdi+0xc] !rax"),           /* mov 0xc(%rdi),%eax */
        INSTRUCTION("\x48\x63\x04\xb2", "other 4:[rdx+rsi*4+0x0] !rax"), /* movslq (%rdx,%rsi,4),%rax */
        INSTRUCTION("\x48\x89\x7c\x24\x08", "store rdi 8:[rsp+0x8]"),    /* mov %rdi,0x8(%rsp) */
        INSTRUCTION("\x89\x7c\x24\x0c", "store-other 4:[rsp+0xc]"),      /* mov %edi,0xc(%rsp) */
        /* movq $0x0,0x20(%rbx) */
        INSTRUCTION("\x48\xc7\x43\x20\x00\x00\x00\x00", "store-other 8:[rbx+0x20]"),
        INSTRUCTION("\xc6\x47\x0a\x01", "store-other 1:[rdi+0xa]"),      /* movb $0x1,0xa(%rdi) */
        INSTRUCTION("\x0f\x11\x44\x24\x08", "store-other 16:[rsp+0x8]"), /* movups %xmm0,0x8(%rsp) */
        INSTRUCTION("\xf3\x48\xab", "store-other !rcx !rdi"),            /* rep stos %rax,%es:(%rdi) */
        INSTRUCTION("\x48\x87\xf7", "exchange rdi rsi !rsi"),            /* xchg %rsi,%rdi */
        INSTRUCTION("\x87\xf7", "other !rsi !rdi"),                      /* xchg %esi,%edi */
    };

    (void)state;
    CHECK(instructions);
}

static void constants(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\xb9\x02\x00\x00\x00", "const rcx 0x2"),          /* mov $0x2,%ecx */
        INSTRUCTION("\xb9\xfc\xff\xff\xff", "const rcx 0xfffffffc"),   /* mov $0xfffffffc,%ecx */
        INSTRUCTION("\x48\xc7\xc1\xfc\xff\xff\xff", "const rcx -0x4"), /* mov $-4,%rcx */
        /* movabs $0x123456789abcdef0,%r11 */
        INSTRUCTION("\x49\xbb\xf0\xde\xbc\x9a\x78\x56\x34\x12", "const r11 0x123456789abcdef0"),
        INSTRUCTION("\x31\xc9", "const rcx 0x0"),     /* xor %ecx,%ecx */
        INSTRUCTION("\x48\x31\xc9", "const rcx 0x0"), /* xor %rcx,%rcx */
        INSTRUCTION("\x31\xc8", "other !rax"),        /* xor %ecx,%eax */
    };

    (void)state;
    CHECK(instructions);
}

static void arithmetic(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\x48\x8d\x57\x10", "lea rdx 8:[rdi+0x10]"), /* lea 0x10(%rdi),%rdx */
        INSTRUCTION("\x8d\x48\xfc", "other 8:[rax-0x4] !rcx"),   /* lea -0x4(%rax),%ecx */
        /* lea 0x3(,%rdx,4),%rsi */
        INSTRUCTION("\x48\x8d\x34\x95\x03\x00\x00\x00", "lea rsi 8:[+rdx*4+0x3]"),
        INSTRUCTION("\x48\x83\xc3\x08", "add rbx 0x8"),            /* add $0x8,%rbx */
        INSTRUCTION("\x48\x83\xec\x08", "add rsp -0x8"),           /* sub $0x8,%rsp */
        INSTRUCTION("\x48\x83\xc4\x80", "add rsp -0x80"),          /* add $-0x80,%rsp */
        INSTRUCTION("\x48\x01\xc8", "other !rax"),                 /* add %rcx,%rax */
        INSTRUCTION("\x83\xc0\x01", "other !rax"),                 /* add $0x1,%eax */
        INSTRUCTION("\x48\x83\xe7\xfc", "and rdi -0x4"),           /* and $-4,%rdi */
        INSTRUCTION("\x83\xe7\xfc", "other !rdi"),                 /* and $-4,%edi */
        INSTRUCTION("\x48\x83\xca\x01", "or rdx 0x1"),             /* or $0x1,%rdx */
        INSTRUCTION("\x48\x09\xca", "or rdx rcx"),                 /* or %rcx,%rdx */
        INSTRUCTION("\x83\xca\x01", "other !rdx"),                 /* or $0x1,%edx */
        INSTRUCTION("\x48\x0f\x42\xce", "select rcx rsi"),         /* cmovb %rsi,%rcx */
        INSTRUCTION("\x0f\x42\xce", "other !rcx"),                 /* cmovb %esi,%ecx */
        INSTRUCTION("\x48\x0f\x42\x0e", "other 8:[rsi+0x0] !rcx"), /* cmovb (%rsi),%rcx */
        INSTRUCTION("\x0f\x94\xc2", "other !rdx"),                 /* sete %dl */
        INSTRUCTION("\x48\x99", "other !rdx"),                     /* cqto */
        INSTRUCTION("\x48\xf7\xe1", "other !rax !rdx"),            /* mul %rcx */
        INSTRUCTION("\x48\x39\x17", "compare rdx 8:[rdi+0x0]"),    /* cmp %rdx,(%rdi) */
        INSTRUCTION("\x48\x3b\x17", "compare rdx 8:[rdi+0x0]"),    /* cmp (%rdi),%rdx */
        INSTRUCTION("\x48\x39\xd1", "compare rdx rcx"),            /* cmp %rdx,%rcx */
        INSTRUCTION("\x39\xd1", "other"),                          /* cmp %edx,%ecx */
        INSTRUCTION("\x48\x83\xfa\x01", "other"),                  /* cmp $0x1,%rdx */
        INSTRUCTION("\x39\x17", "other 4:[rdi+0x0]"),              /* cmp %edx,(%rdi) */
        INSTRUCTION("\x48\x85\xff", "other"),                      /* test %rdi,%rdi */
    };

    (void)state;
    CHECK(instructions);
}

/* What is relative to the instruction behind becomes an address; what a segment shifts is told apart. */
static void addresses(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\x48\x8b\x3d\x10\x00\x00\x00", "load rdi 8:[+0x1017]"), /* mov 0x10(%rip),%rdi */
        INSTRUCTION("\x48\x8d\x05\x00\x01\x00\x00", "lea rax 8:[+0x1107]"),  /* lea 0x100(%rip),%rax */
        /* mov %fs:0x0,%rdx */
        INSTRUCTION("\x64\x48\x8b\x14\x25\x00\x00\x00\x00", "thread-pointer rdx 8:segment[+0x0]"),
        /* mov %fs:0x8,%rdx */
        INSTRUCTION("\x64\x48\x8b\x14\x25\x08\x00\x00\x00", "load rdx 8:segment[+0x8]"),
        INSTRUCTION("\x64\x48\x8b\x10", "load rdx 8:segment[rax+0x0]"), /* mov %fs:(%rax),%rdx */
    };

    (void)state;
    CHECK(instructions);
}

static void stack(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\x41\x56", "push r14 !rsp"),             /* push %r14 */
        INSTRUCTION("\xff\x70\x08", "push 8:[rax+0x8] !rsp"), /* push 0x8(%rax) */
        INSTRUCTION("\x6a\x01", "push !rsp"),                 /* push $0x1 */
        INSTRUCTION("\x41\x5e", "pop r14 !rsp"),              /* pop %r14 */
        INSTRUCTION("\xc9", "leave !rsp !rbp"),               /* leave */
    };

    (void)state;
    CHECK(instructions);
}

static void control_flow(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\xe8\xfb\x00\x00\x00", "call 0x1100 !rsp"),          /* call 1100 */
        INSTRUCTION("\xff\xd0", "call !rsp"),                             /* call *%rax */
        INSTRUCTION("\xff\x50\x40", "call 8:[rax+0x40] !rsp"),            /* call *0x40(%rax) */
        INSTRUCTION("\xff\x15\x00\x01\x00\x00", "call 8:[+0x1106] !rsp"), /* call *0x100(%rip) */
        INSTRUCTION("\xeb\x0e", "jump 0x1010"),                           /* jmp 1010 */
        INSTRUCTION("\xf2\xe9\xfa\x00\x00\x00", "jump 0x1100"),           /* bnd jmp 1100 */
        INSTRUCTION("\xff\xe0", "jump"),                                  /* jmp *%rax */
        INSTRUCTION("\x3e\xff\xe0", "jump"),                              /* notrack jmp *%rax */
        INSTRUCTION("\xff\x24\xf2", "jump 8:[rdx+rsi*8+0x0]"),            /* jmp *(%rdx,%rsi,8) */
        INSTRUCTION("\x74\x0e", "branch 0x1010 if zero"),                 /* je 1010 */
        INSTRUCTION("\x75\xee", "branch 0xff0 if not zero"),              /* jne ff0 */
        INSTRUCTION("\x0f\x86\xfa\x0f\x00\x00", "branch 0x2000"),         /* jbe 2000 */
        INSTRUCTION("\xe3\x02", "branch 0x1004"),                         /* jrcxz 1004 */
        INSTRUCTION("\xe2\xfa", "branch 0xffc !rcx"),                     /* loop ffc */
        INSTRUCTION("\xc3", "return !rsp"),                               /* ret */
        INSTRUCTION("\x0f\x0b", "return"),                                /* ud2 */
        INSTRUCTION("\xf4", "return"),                                    /* hlt */
        INSTRUCTION("\x90", "nop"),                                       /* nop */
        INSTRUCTION("\x66\x0f\x1f\x04\x00", "nop 2:[rax+rax*1+0x0]"),     /* nopw (%rax,%rax,1) */
    };

    (void)state;
    CHECK(instructions);
}

static void atomics(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\xf0\x48\x0f\xb1\x0a",
                    "atomic cmpxchg rcx 8:[rdx+0x0] !rax"), /* lock cmpxchg %rcx,(%rdx) */
        /* lock cmpxchg %rcx,0x10(%rdi) */
        INSTRUCTION("\xf0\x48\x0f\xb1\x4f\x10", "atomic cmpxchg rcx 8:[rdi+0x10] !rax"),
        INSTRUCTION("\xf0\x0f\xb0\x0f", "atomic cmpxchg 1:[rdi+0x0] !rax"), /* lock cmpxchg %cl,(%rdi) */
        /* lock cmpxchg %rcx,0x10(%rip) */
        INSTRUCTION("\xf0\x48\x0f\xb1\x0d\x10\x00\x00\x00", "atomic cmpxchg rcx 8:[+0x1019] !rax"),
        INSTRUCTION("\xf0\x48\x83\x47\x10\x04",
                    "atomic add 8:[rdi+0x10] 0x4"), /* lock addq $0x4,0x10(%rdi) */
        INSTRUCTION("\xf0\x48\x83\x6f\x10\x04",
                    "atomic add 8:[rdi+0x10] -0x4"),                        /* lock subq $0x4,0x10(%rdi) */
        INSTRUCTION("\xf0\x83\x47\x10\x04", "atomic add 4:[rdi+0x10] 0x4"), /* lock addl $0x4,0x10(%rdi) */
        /* lock addq $0x4,0x10(%rip), whose length takes the constant in */
        INSTRUCTION("\xf0\x48\x83\x05\x10\x00\x00\x00\x04", "atomic add 8:[+0x1019] 0x4"),
        INSTRUCTION("\xf0\x48\x01\x4f\x10", "atomic add rcx 8:[rdi+0x10]"), /* lock add %rcx,0x10(%rdi) */
        /* lock xadd %rcx,0x10(%rdi) */
        INSTRUCTION("\xf0\x48\x0f\xc1\x4f\x10", "atomic xadd rcx 8:[rdi+0x10] !rcx"),
        INSTRUCTION("\xf0\x48\xff\x47\x10", "atomic other 8:[rdi+0x10]"), /* lock incq 0x10(%rdi) */
        INSTRUCTION("\xf0\x48\x83\x4f\x10\x01",
                    "atomic other 8:[rdi+0x10] 0x1"),                         /* lock orq $0x1,0x10(%rdi) */
        INSTRUCTION("\x48\x87\x47\x10", "atomic xchg rax 8:[rdi+0x10] !rax"), /* xchg %rax,0x10(%rdi) */
    };

    (void)state;
    CHECK(instructions);
}

/* The first look knows where control goes and what is locked, and nothing else. */
static void shapes(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\xe8\xfb\x00\x00\x00", "call 0x1100"),  /* call 1100 */
        INSTRUCTION("\xff\x15\x00\x01\x00\x00", "call"),     /* call *0x100(%rip) */
        INSTRUCTION("\xe9\xfb\x00\x00\x00", "jump 0x1100"),  /* jmp 1100 */
        INSTRUCTION("\x75\xee", "branch 0xff0 if not zero"), /* jne ff0 */
        INSTRUCTION("\xc3", "return"),                       /* ret */
        INSTRUCTION("\xf0\x48\x0f\xb1\x4f\x10", "atomic"),   /* lock cmpxchg %rcx,0x10(%rdi) */
        INSTRUCTION("\xf0\x48\x83\x47\x10\x04", "atomic"),   /* lock addq $0x4,0x10(%rdi) */
        INSTRUCTION("\x48\x8b\x7b\x20", "other"),            /* mov 0x20(%rbx),%rdi */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
        char text[256];
        struct op op;

        assert_int_equal(
            decode_shape(decoder, (const uint8_t *)instructions[i].bytes, instructions[i].size, ADDRESS, &op),
            0);
        assert_int_equal(op.length, instructions[i].size);
        describe(&op, text);
        assert_string_equal(text, instructions[i].expected);
    }
}

static void what_is_no_instruction(void **state)
{
    static const uint8_t invalid[] = {0x06, 0x90}, cut[] = {0x48, 0x8b, 0x7b};
    struct op op;

    (void)state;
    assert_int_equal(decode_op(decoder, invalid, sizeof(invalid), ADDRESS, &op), -1);
    assert_int_equal(decode_op(decoder, cut, sizeof(cut), ADDRESS, &op), -1);
    assert_int_equal(decode_op(decoder, cut, 0, ADDRESS, &op), -1);
    assert_int_equal(decode_shape(decoder, invalid, sizeof(invalid), ADDRESS, &op), -1);
    assert_int_equal(decode_shape(decoder, cut, sizeof(cut), ADDRESS, &op), -1);
    assert_int_equal(probe_cost(decoder, invalid, sizeof(invalid)), PROBE_REFUSED);
    assert_int_equal(probe_cost(decoder, cut, sizeof(cut)), PROBE_REFUSED);
}

static void check_costs(const struct instruction *instructions, size_t count, enum probe_cost expected)
{
    for (size_t i = 0; i < count; i++) {
        enum probe_cost cost =
            probe_cost(decoder, (const uint8_t *)instructions[i].bytes, instructions[i].size);

        if (cost != expected)
            print_error("%s\n", instructions[i].expected);
        assert_int_equal(cost, expected);
    }
}
#define CHECK_COSTS(instructions, expected)                                                                  \
    check_costs(instructions, sizeof(instructions) / sizeof((instructions)[0]), expected)

static void direct_jumps_and_calls_are_emulated(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\x74\x0e", "je, short"),
        INSTRUCTION("\x75\xee", "jne, short, backwards"),
        INSTRUCTION("\x0f\x84\x00\x01\x00\x00", "je, near"),
        INSTRUCTION("\x0f\x85\x00\xfe\xff\xff", "jne, near"),
        INSTRUCTION("\xeb\x0e", "jmp, short"),
        INSTRUCTION("\xe9\x00\x01\x00\x00", "jmp, near"),
        INSTRUCTION("\xe8\x00\x01\x00\x00", "call"),
    };

    (void)state;
    CHECK_COSTS(instructions, PROBE_EMULATED);
}

static void others_are_stepped(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\x48\x89\xdf", "mov %rbx,%rdi"),
        INSTRUCTION("\x48\x8b\x05\x10\x00\x00\x00", "mov 0x10(%rip),%rax"),
        INSTRUCTION("\x64\x48\x8b\x04\x25\x00\x00\x00\x00", "mov %fs:0x0,%rax"),
        INSTRUCTION("\x0f\x94\xc0", "sete %al"),
        INSTRUCTION("\x85\xc0", "test %eax,%eax"),
        INSTRUCTION("\xff\xe0", "jmp *%rax"),
        INSTRUCTION("\x66\x75\x0e", "jne with an operand-size prefix"),
        INSTRUCTION("\x66\xe9\x00\x01\x00\x00", "jmp with an operand-size prefix"),
        INSTRUCTION("\xc5\xfe\x6f\x00", "vmovdqu (%rax),%ymm0"),
    };

    (void)state;
    CHECK_COSTS(instructions, PROBE_STEPPED);
}

/* By is_prefix_bad() of arch/x86/kernel/uprobes.c, which looks at the bytes, not at what they do. */
static void prefixes_are_refused(void **state)
{
    static const struct instruction instructions[] = {
        INSTRUCTION("\xf0\x48\x0f\xb1\x0a", "lock cmpxchg %rcx,(%rdx)"),
        INSTRUCTION("\x2e\x74\x0e", "je, hinted not to be taken"),
        INSTRUCTION("\x3e\x75\x0e", "jne, hinted to be taken"),
        INSTRUCTION("\x3e\xff\xe0", "notrack jmp *%rax"),
        INSTRUCTION("\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00", "cs nopl 0x0(%rax,%rax,1)"),
        INSTRUCTION("\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00", "cs nopw 0x0(%rax,%rax,1)"),
        INSTRUCTION("\x36\x48\x8b\x07", "ss mov (%rdi),%rax"),
        INSTRUCTION("\x26\x48\x8b\x07", "es mov (%rdi),%rax"),
        INSTRUCTION("\x62\xf1\xfe\x48\x6f\x00", "vmovdqu64 (%rax),%zmm0"),
    };

    (void)state;
    CHECK_COSTS(instructions, PROBE_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves),
        cmocka_unit_test(constants),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(addresses),
        cmocka_unit_test(stack),
        cmocka_unit_test(control_flow),
        cmocka_unit_test(atomics),
        cmocka_unit_test(shapes),
        cmocka_unit_test(what_is_no_instruction),
        cmocka_unit_test(direct_jumps_and_calls_are_emulated),
        cmocka_unit_test(others_are_stepped),
        cmocka_unit_test(prefixes_are_refused),
    };

    return cmocka_run_group_tests_name("code", tests, set_up, tear_down);
}

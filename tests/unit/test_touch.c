/* Where samples fall: the instructions that touch an object's header, and where the object lies at each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi.h"
#include "code_file.h"
#include "probe/plan.h"
#include "probe/scan.h"

/* An increment of what rbx points to, read from 0x20(%rdi). */
static const char increment[] = "\x48\x8b\x5f\x20"                     /* 1000: mov 0x20(%rdi),%rbx */
                                "\x8b\x43\x0c"                         /* 1004: mov 0xc(%rbx),%eax */
                                "\x83\xc0\x01"                         /* 1007: add $0x1,%eax */
                                "\x74\x19"                             /* 100a: je 1025 */
                                "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 100c: mov %fs:0x0,%rdx */
                                "\x48\x39\x13"                         /* 1015: cmp %rdx,(%rbx) */
                                "\x74\x08"                             /* 1018: je 1022 */
                                "\xf0\x48\x83\x43\x10\x04"             /* 101a: lock addq $0x4,0x10(%rbx) */
                                "\xeb\x03"                             /* 1020: jmp 1025 */
                                "\x89\x43\x0c"                         /* 1022: mov %eax,0xc(%rbx) */
                                "\xc3";                                /* 1025: ret */

/* The load overwrites what it went by: behind it nothing points to the object. */
static const char overwritten[] = "\x8b\x7f\x0c"             /* 1040: mov 0xc(%rdi),%edi */
                                  "\x83\xc7\x01"             /* 1043: add $0x1,%edi */
                                  "\x74\x06"                 /* 1046: je 104e */
                                  "\xf0\x48\x83\x46\x10\x04" /* 1048: lock addq $0x4,0x10(%rsi) */
                                  "\xc3";                    /* 104e: ret */

/* Some structure whose members happen to lie there: nothing looks at a local count. */
static const char no_object[] = "\x48\x8b\x07"             /* 1080: mov (%rdi),%rax */
                                "\x48\x8b\x57\x10"         /* 1083: mov 0x10(%rdi),%rdx */
                                "\xf0\x48\x83\x46\x08\x04" /* 1087: lock addq $0x4,0x8(%rsi) */
                                "\xc3";                    /* 108d: ret */

static const struct code_piece pieces[] = {
    CODE(0x1000, increment),
    CODE(0x1040, overwritten),
    CODE(0x1080, no_object),
    END_OF_CODE,
};

static struct scan *scan;

static int set_up(void **state)
{
    struct elf_file *file = code_file(pieces, NULL);

    (void)state;
    scan = scan_file(file, true);
    elf_file_close(file);
    return scan ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scan_free(scan);
    return 0;
}

/* What a sample at address falls on, or NULL. */
static const struct operation *touch_at(uint64_t address)
{
    for (size_t i = 0; i < arrlenu(scan->touch_spans); i++) {
        const struct touch_span *span = &scan->touch_spans[i];

        if (address >= span->span.start && address < span->span.end)
            return &scan->touches[span->touch];
    }
    return NULL;
}

static void assert_in(const struct operation *touch, enum reg reg)
{
    assert_non_null(touch);
    assert_int_equal(touch->object.kind, PLACE_REG);
    assert_int_equal(touch->object.reg, reg);
    assert_int_equal(touch->adjust, 0);
}

static void each_access_of_an_increment_is_one(void **state)
{
    static const uint64_t accesses[] = {0x1004, 0x1015, 0x101a, 0x1022};

    (void)state;
    for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
        assert_in(touch_at(accesses[i]), RBX);
    assert_int_equal(touch_at(0x1004)->slot.kind, SLOT_FIELD);
    assert_int_equal(touch_at(0x1004)->slot.disp, 0x20);
    assert_true(touch_at(0x101a)->guarded);
}

static void the_one_behind_an_access_is_its_own(void **state)
{
    (void)state;
    assert_in(touch_at(0x1007), RBX);
    assert_in(touch_at(0x1020), RBX);
}

static void what_reads_the_pointer_touches_no_header(void **state)
{
    (void)state;
    assert_null(touch_at(0x1000));
    assert_null(touch_at(0x100c));
}

static void behind_a_load_over_its_own_base_is_nothing(void **state)
{
    (void)state;
    assert_in(touch_at(0x1040), RDI);
    assert_null(touch_at(0x1043));
    assert_in(touch_at(0x1048), RSI);
}

static void members_of_other_structures_are_none(void **state)
{
    (void)state;
    for (uint64_t address = 0x1080; address < 0x108e; address++)
        assert_null(touch_at(address));
}

static void bpf_is_told_of_spans_in_order(void **state)
{
    struct abi_span *spans = plan_spans(scan, 7);

    (void)state;
    assert_int_equal(arrlenu(spans), arrlenu(scan->touch_spans) + 1);
    assert_int_equal(spans[0].start, 0);
    assert_int_equal(spans[0].length, 0);
    for (size_t i = 1; i < arrlenu(spans); i++) {
        assert_true(spans[i].start >= spans[i - 1].start + spans[i - 1].length);
        assert_int_equal(spans[i].site, 7 + scan->touch_spans[i - 1].touch);
    }
    arrfree(spans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_access_of_an_increment_is_one),
        cmocka_unit_test(the_one_behind_an_access_is_its_own),
        cmocka_unit_test(what_reads_the_pointer_touches_no_header),
        cmocka_unit_test(behind_a_load_over_its_own_base_is_nothing),
        cmocka_unit_test(members_of_other_structures_are_none),
        cmocka_unit_test(bpf_is_told_of_spans_in_order),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

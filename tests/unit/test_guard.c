/* Inlined increments: the jump that guards each, in the shapes that compilers make, and the code that it
 * spans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "code_decref.h"
#include "code_flow.h"
#include "probe/scan.h"

static const char gcc[] = "\x8b\x43\x0c"                         /* 1000: mov 0xc(%rbx),%eax */
                          "\x83\xc0\x01"                         /* 1003: add $0x1,%eax */
                          "\x74\x19"                             /* 1006: je 1021 */
                          "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1008: mov %fs:0x0,%rdx */
                          "\x48\x39\x13"                         /* 1011: cmp %rdx,(%rbx) */
                          "\x74\x08"                             /* 1014: je 101e */
                          "\xf0\x48\x83\x43\x10\x04"             /* 1016: lock addq $0x4,0x10(%rbx) */
                          "\xeb\x03"                             /* 101c: jmp 1021 */
                          "\x89\x43\x0c"                         /* 101e: mov %eax,0xc(%rbx) */
                          "\xc3";                                /* 1021: ret */

static const char clang[] = "\x8b\x47\x0c"                         /* 1040: mov 0xc(%rdi),%eax */
                            "\xff\xc0"                             /* 1043: inc %eax */
                            "\x74\x11"                             /* 1045: je 1058 */
                            "\x64\x48\x8b\x0c\x25\x00\x00\x00\x00" /* 1047: mov %fs:0x0,%rcx */
                            "\x48\x3b\x0f"                         /* 1050: cmp (%rdi),%rcx */
                            "\x75\x04"                             /* 1053: jne 1059 */
                            "\x89\x47\x0c"                         /* 1055: mov %eax,0xc(%rdi) */
                            "\xc3"                                 /* 1058: ret */
                            "\xf0\x48\x83\x47\x10\x04"             /* 1059: lock addq $0x4,0x10(%rdi) */
                            "\x48\x89\xf8"                         /* 105f: mov %rdi,%rax */
                            "\xc3";                                /* 1062: ret */

static const char early[] = "\x48\x8b\x0f"                         /* 1080: mov (%rdi),%rcx */
                            "\x8b\x47\x0c"                         /* 1083: mov 0xc(%rdi),%eax */
                            "\xff\xc0"                             /* 1086: inc %eax */
                            "\x74\x15"                             /* 1088: je 109f */
                            "\x64\x48\x3b\x0c\x25\x00\x00\x00\x00" /* 108a: cmp %fs:0x0,%rcx */
                            "\x74\x0b"                             /* 1093: je 10a0 */
                            "\x48\x8d\x77\x20"                     /* 1095: lea 0x20(%rdi),%rsi */
                            "\xf0\x48\x83\x47\x10\x04"             /* 1099: lock addq $0x4,0x10(%rdi) */
                            "\xc3"                                 /* 109f: ret */
                            "\x89\x47\x0c"                         /* 10a0: mov %eax,0xc(%rdi) */
                            "\xc3";                                /* 10a3: ret */

static const char registers[] = "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 10c0: mov %fs:0x0,%rdx */
                                "\x48\x8b\x0f"                         /* 10c9: mov (%rdi),%rcx */
                                "\x48\x39\xd1"                         /* 10cc: cmp %rdx,%rcx */
                                "\xb8\x01\x00\x00\x00"                 /* 10cf: mov $0x1,%eax */
                                "\x75\x01"                             /* 10d4: jne 10d7 */
                                "\xc3"                                 /* 10d6: ret */
                                "\xf0\x48\x83\x47\x10\x04"             /* 10d7: lock addq $0x4,0x10(%rdi) */
                                "\xc3";                                /* 10dd: ret */

static const char variable[] =
    "\x8b\x05\x06\x20\x00\x00"             /* 1100: mov 0x2006(%rip),%eax # 310c */
    "\x83\xc0\x01"                         /* 1106: add $0x1,%eax */
    "\x74\x22"                             /* 1109: je 112d */
    "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 110b: mov %fs:0x0,%rdx */
    "\x48\x39\x15\xe5\x1f\x00\x00"         /* 1114: cmp %rdx,0x1fe5(%rip) # 3100 */
    "\x74\x0a"                             /* 111b: je 1127 */
    "\xf0\x48\x83\x05\xea\x1f\x00\x00\x04" /* 111d: lock addq $0x4,0x1fea(%rip) # 3110 */
    "\xc3"                                 /* 1126: ret */
    "\x89\x05\xdf\x1f\x00\x00"             /* 1127: mov %eax,0x1fdf(%rip) # 310c */
    "\xc3";                                /* 112d: ret */

static const char hot[] = "\x53"                                 /* 1180: push %rbx */
                          "\x48\x8b\x5f\x20"                     /* 1181: mov 0x20(%rdi),%rbx */
                          "\x8b\x43\x0c"                         /* 1185: mov 0xc(%rbx),%eax */
                          "\xff\xc0"                             /* 1188: inc %eax */
                          "\x74\x15"                             /* 118a: je 11a1 */
                          "\x64\x48\x8b\x0c\x25\x00\x00\x00\x00" /* 118c: mov %fs:0x0,%rcx */
                          "\x48\x3b\x0b"                         /* 1195: cmp (%rbx),%rcx */
                          "\x0f\x85\x62\x00\x00\x00"             /* 1198: jne 1200 */
                          "\x89\x43\x0c"                         /* 119e: mov %eax,0xc(%rbx) */
                          "\x48\x89\xd8"                         /* 11a1: mov %rbx,%rax */
                          "\x5b"                                 /* 11a4: pop %rbx */
                          "\xc3";                                /* 11a5: ret */

static const char cold[] = "\xf0\x48\x83\x43\x10\x04" /* 1200: lock addq $0x4,0x10(%rbx) */
                           "\xe9\x96\xff\xff\xff";    /* 1206: jmp 11a1 */

static const char shared[] = "\x85\xf6"                             /* 1240: test %esi,%esi */
                             "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1242: mov %fs:0x0,%rdx */
                             "\x74\x0a"                             /* 124b: je 1257 */
                             "\x48\x8b\x5f\x20"                     /* 124d: mov 0x20(%rdi),%rbx */
                             "\x48\x39\x13"                         /* 1251: cmp %rdx,(%rbx) */
                             "\x75\x0b"                             /* 1254: jne 1261 */
                             "\xc3"                                 /* 1256: ret */
                             "\x48\x8b\x5f\x28"                     /* 1257: mov 0x28(%rdi),%rbx */
                             "\x48\x39\x13"                         /* 125b: cmp %rdx,(%rbx) */
                             "\x75\x01"                             /* 125e: jne 1261 */
                             "\xc3"                                 /* 1260: ret */
                             "\xf0\x48\x83\x43\x10\x04"             /* 1261: lock addq $0x4,0x10(%rbx) */
                             "\xc3";                                /* 1267: ret */

static const char also_elsewhere[] = "\x85\xf6"                             /* 12c0: test %esi,%esi */
                                     "\x74\x0f"                             /* 12c2: je 12d3 */
                                     "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 12c4: mov %fs:0x0,%rdx */
                                     "\x48\x39\x17"                         /* 12cd: cmp %rdx,(%rdi) */
                                     "\x75\x01"                             /* 12d0: jne 12d3 */
                                     "\xc3"                                 /* 12d2: ret */
                                     "\xf0\x48\x83\x47\x10\x04" /* 12d3: lock addq $0x4,0x10(%rdi) */
                                     "\xc3";                    /* 12d9: ret */

static const char others_owner[] = "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1300: mov %fs:0x0,%rdx */
                                   "\x48\x39\x16"                         /* 1309: cmp %rdx,(%rsi) */
                                   "\x74\x06"                             /* 130c: je 1314 */
                                   "\xf0\x48\x83\x47\x10\x04" /* 130e: lock addq $0x4,0x10(%rdi) */
                                   "\xc3";                    /* 1314: ret */

static const char other_flags[] = "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1340: mov %fs:0x0,%rdx */
                                  "\x48\x39\x17"                         /* 1349: cmp %rdx,(%rdi) */
                                  "\x85\xc0"                             /* 134c: test %eax,%eax */
                                  "\x74\x06"                             /* 134e: je 1356 */
                                  "\xf0\x48\x83\x47\x10\x04"             /* 1350: lock addq $0x4,0x10(%rdi) */
                                  "\xc3";                                /* 1356: ret */

static const char the_wrong_way[] = "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1380: mov %fs:0x0,%rdx */
                                    "\x48\x39\x17"                         /* 1389: cmp %rdx,(%rdi) */
                                    "\x75\x06"                             /* 138c: jne 1394 */
                                    "\xf0\x48\x83\x47\x10\x04" /* 138e: lock addq $0x4,0x10(%rdi) */
                                    "\xc3";                    /* 1394: ret */

static const char behind_a_call[] = "\x53"                                 /* 13c0: push %rbx */
                                    "\x48\x89\xfb"                         /* 13c1: mov %rdi,%rbx */
                                    "\x8b\x43\x0c"                         /* 13c4: mov 0xc(%rbx),%eax */
                                    "\xe8\x74\xfd\xff\xff"                 /* 13c7: call 1140 */
                                    "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 13cc: mov %fs:0x0,%rdx */
                                    "\x48\x39\x13"                         /* 13d5: cmp %rdx,(%rbx) */
                                    "\x74\x06"                             /* 13d8: je 13e0 */
                                    "\xf0\x48\x83\x43\x10\x04" /* 13da: lock addq $0x4,0x10(%rbx) */
                                    "\x5b"                     /* 13e0: pop %rbx */
                                    "\xc3";                    /* 13e1: ret */

static const char once_more[] = "\x8b\x47\x0c"                         /* 1400: mov 0xc(%rdi),%eax */
                                "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1403: mov %fs:0x0,%rdx */
                                "\x48\x39\x17"                         /* 140c: cmp %rdx,(%rdi) */
                                "\x74\x0a"                             /* 140f: je 141b */
                                "\xf0\x48\x83\x47\x10\x04"             /* 1411: lock addq $0x4,0x10(%rdi) */
                                "\xff\xce"                             /* 1417: dec %esi */
                                "\x75\xf1"                             /* 1419: jne 140c */
                                "\xc3";                                /* 141b: ret */

/* A static object stands at 3100. */
static const struct code_piece pieces[] = {
    CODE(0x1000, gcc),
    CODE(0x1040, clang),
    CODE(0x1080, early),
    CODE(0x10c0, registers),
    CODE(0x1100, variable),
    CODE(0x1180, hot),
    COLD(0x1200, cold, 16),
    CODE(0x1240, shared),
    CODE(0x12c0, also_elsewhere),
    CODE(0x1300, others_owner),
    CODE(0x1340, other_flags),
    CODE(0x1380, the_wrong_way),
    CODE(0x13c0, behind_a_call),
    CODE(0x1400, once_more),
    CODE(CLANG_DECREF + 0x400, clang_decref),
    END_OF_CODE,
};

static struct scan *scan;

static int set_up(void **state)
{
    struct elf_file *file = code_file(pieces, NULL);

    (void)state;
    scan = scan_file(file, false);
    elf_file_close(file);
    return scan ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scan_free(scan);
    return 0;
}

/* The only operation of an atomic, or NULL. */
static const struct operation *operation_at(uint64_t address)
{
    const struct operation *found = NULL;

    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        if (scan->operations[i].address == address) {
            assert_null(found);
            found = &scan->operations[i];
        }
    }
    return found;
}

static void check_guarded(uint64_t address, uint64_t guard, const char *object)
{
    const struct operation *operation = operation_at(address);

    assert_non_null(operation);
    assert_int_equal(operation->kind, OPERATION_INCREMENT);
    assert_int_equal(operation->probe, guard);
    assert_int_equal(operation->cost, PROBE_EMULATED);
    assert_int_equal(operation->meaning, HIT_COUNTS_IF_NOT);
    assert_int_equal(operation->adjust, 0);
    assert_true(operation->guarded);
    assert_place(operation->object, object);
}

static void check_unguarded(uint64_t address)
{
    const struct operation *operation = operation_at(address);

    assert_non_null(operation);
    assert_int_equal(operation->kind, OPERATION_INCREMENT);
    assert_int_equal(operation->probe, 0);
    assert_false(operation->guarded);
}

static void check_span(struct span span, uint64_t start, uint64_t end)
{
    assert_int_equal(span.start, start);
    assert_int_equal(span.end, end);
}

/* All in one piece: from the load of ob_ref_local to the atomic. */
static void gcc_increment(void **state)
{
    (void)state;
    check_guarded(0x1016, 0x1014, "rbx");
    check_span(operation_at(0x1016)->head, 0, 0);
    check_span(operation_at(0x1016)->body, 0x1000, 0x101c);
}

/* The atomic stands aside. */
static void clang_increment(void **state)
{
    (void)state;
    check_guarded(0x1059, 0x1053, "rdi");
    check_span(operation_at(0x1059)->head, 0x1040, 0x1055);
    check_span(operation_at(0x1059)->body, 0x1059, 0x105f);
}

/* Either side of the comparison may have been read before. */
static void owners_read_early(void **state)
{
    (void)state;
    check_guarded(0x1099, 0x1093, "rdi");
    check_span(operation_at(0x1099)->body, 0x1080, 0x109f);
    check_guarded(0x10d7, 0x10d4, "rdi");
    check_span(operation_at(0x10d7)->head, 0x10c9, 0x10d6);
    check_span(operation_at(0x10d7)->body, 0x10d7, 0x10dd);
}

static void static_object(void **state)
{
    (void)state;
    check_guarded(0x111d, 0x111b, "0x3100");
    check_span(operation_at(0x111d)->body, 0x1100, 0x1126);
}

static void cold_half(void **state)
{
    (void)state;
    check_guarded(0x1200, 0x1198, "rbx");
    assert_int_equal(operation_at(0x1200)->function, 0x1180);
    assert_int_equal(operation_at(0x1200)->slot.kind, SLOT_FIELD);
    assert_int_equal(operation_at(0x1200)->rule.depth, 8);
    check_span(operation_at(0x1200)->head, 0x1185, 0x119e);
    check_span(operation_at(0x1200)->body, 0x1200, 0x1206);
}

/* Each of several ways to one atomic has its own guard and field. */
static void a_shared_atomic(void **state)
{
    const struct operation *first = NULL, *second = NULL;

    (void)state;
    for (size_t i = 0; i + 1 < arrlenu(scan->operations); i++) {
        if (scan->operations[i].address == 0x1261 && !first) {
            first = &scan->operations[i];
            second = &scan->operations[i + 1];
        }
    }
    assert_non_null(first);
    assert_int_equal(second->address, 0x1261);
    assert_int_equal(first->probe, 0x1254);
    assert_int_equal(first->slot.disp, 0x20);
    assert_int_equal(second->probe, 0x125e);
    assert_int_equal(second->slot.disp, 0x28);
    check_span(first->head, 0x1251, 0x1256);
    check_span(second->head, 0x125b, 0x1260);
    check_span(second->body, 0x1261, 0x1267);
}

/* A way without a guard, another object's owner, a flag that another instruction set, and the owner's own
 * way. */
static void what_is_no_guard(void **state)
{
    (void)state;
    check_unguarded(0x12d3);
    check_unguarded(0x130e);
    check_unguarded(0x1350);
    check_unguarded(0x138e);
}

static void a_span_ends_at_a_call(void **state)
{
    (void)state;
    check_guarded(0x13da, 0x13d8, "rbx");
    check_span(operation_at(0x13da)->body, 0x13d5, 0x13e0);
}

static void in_a_loop(void **state)
{
    (void)state;
    check_guarded(0x1411, 0x140f, "rdi");
    check_span(operation_at(0x1411)->body, 0x1400, 0x1417);
}

/* Exchanges have no guard: from the load of the count on. */
static void spans_of_exchanges(void **state)
{
    const struct operation *first = operation_at(CLANG_FIRST + 0x400),
                           *again = operation_at(CLANG_AGAIN + 0x400);

    (void)state;
    check_span(first->head, 0, 0);
    check_span(first->body, 0x1487, 0x14a5);
    assert_false(first->guarded);
    check_span(again->body, CLANG_AGAIN + 0x400, CLANG_AGAIN + 0x406);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gcc_increment),     cmocka_unit_test(clang_increment),
        cmocka_unit_test(owners_read_early), cmocka_unit_test(static_object),
        cmocka_unit_test(cold_half),         cmocka_unit_test(a_shared_atomic),
        cmocka_unit_test(what_is_no_guard),  cmocka_unit_test(a_span_ends_at_a_call),
        cmocka_unit_test(in_a_loop),         cmocka_unit_test(spans_of_exchanges),
    };

    return cmocka_run_group_tests_name("guard", tests, set_up, tear_down);
}

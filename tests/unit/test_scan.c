/* A whole file scanned: what counts references in it, and who calls that with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h" /* before cmocka.h, which has a macro fail() */
#include <cmocka.h>

#include "code_decref.h"
#include "code_flow.h"

static const char py_decref[] = "\x8b\x47\x0c"                         /* 1200: mov 0xc(%rdi),%eax */
                                "\x83\xf8\xff"                         /* 1203: cmp $0xffffffff,%eax */
                                "\x74\x24"                             /* 1206: je 122c */
                                "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1208: mov %fs:0x0,%rdx */
                                "\x48\x39\x17"                         /* 1211: cmp %rdx,(%rdi) */
                                "\x74\x0a"                             /* 1214: je 1220 */
                                "\xe9\xe5\xfd\xff\xff"                 /* 1216: jmp 1000 */
                                "\x0f\x1f\x44\x00\x00"                 /* 121b: nopl 0x0(%rax,%rax,1) */
                                "\x83\xe8\x01"                         /* 1220: sub $0x1,%eax */
                                "\x89\x47\x0c"                         /* 1223: mov %eax,0xc(%rdi) */
                                "\x0f\x84\x14\xff\xff\xff"             /* 1226: je 1140 */
                                "\xc3";                                /* 122c: ret */

static const char clears[] = "\x55"                             /* 1240: push %rbp */
                             "\x53"                             /* 1241: push %rbx */
                             "\x48\x89\xfb"                     /* 1242: mov %rdi,%rbx */
                             "\x48\x83\xec\x08"                 /* 1245: sub $0x8,%rsp */
                             "\x48\x8b\x7f\x20"                 /* 1249: mov 0x20(%rdi),%rdi */
                             "\x48\x85\xff"                     /* 124d: test %rdi,%rdi */
                             "\x74\x0d"                         /* 1250: je 125f */
                             "\x48\xc7\x43\x20\x00\x00\x00\x00" /* 1252: movq $0x0,0x20(%rbx) */
                             "\xe8\xa1\xfd\xff\xff"             /* 125a: call 1000 */
                             "\x48\x8b\x7b\x28"                 /* 125f: mov 0x28(%rbx),%rdi */
                             "\xe8\x98\xff\xff\xff"             /* 1263: call 1200 */
                             "\x48\x8b\x7b\x40"                 /* 1268: mov 0x40(%rbx),%rdi */
                             "\xe8\x0f\xfe\xff\xff"             /* 126c: call 1080 */
                             "\x48\x83\xc4\x08"                 /* 1271: add $0x8,%rsp */
                             "\x5b"                             /* 1275: pop %rbx */
                             "\x5d"                             /* 1276: pop %rbp */
                             "\xc3";                            /* 1277: ret */

static const char drops_second[] = "\x48\x89\xf7"          /* 1280: mov %rsi,%rdi */
                                   "\xe9\x78\xfd\xff\xff"; /* 1283: jmp 1000 */

static const char calls_dropper[] = "\x53"                 /* 12c0: push %rbx */
                                    "\x48\x89\xfb"         /* 12c1: mov %rdi,%rbx */
                                    "\x48\x8b\x73\x28"     /* 12c4: mov 0x28(%rbx),%rsi */
                                    "\x48\x8b\x7b\x20"     /* 12c8: mov 0x20(%rbx),%rdi */
                                    "\xe8\xaf\xff\xff\xff" /* 12cc: call 1280 */
                                    "\x5b"                 /* 12d1: pop %rbx */
                                    "\xc3";                /* 12d2: ret */

static const char passes_on[] = "\x48\x83\xec\x08"     /* 1300: sub $0x8,%rsp */
                                "\x48\x89\xf7"         /* 1304: mov %rsi,%rdi */
                                "\xe8\xf4\xfe\xff\xff" /* 1307: call 1200 */
                                "\x48\x83\xc4\x08"     /* 130c: add $0x8,%rsp */
                                "\xc3";                /* 1310: ret */

static const char calls_passer[] = "\x53"                 /* 1340: push %rbx */
                                   "\x48\x89\xfb"         /* 1341: mov %rdi,%rbx */
                                   "\x48\x8b\x73\x30"     /* 1344: mov 0x30(%rbx),%rsi */
                                   "\xe8\xb3\xff\xff\xff" /* 1348: call 1300 */
                                   "\x5b"                 /* 134d: pop %rbx */
                                   "\xc3";                /* 134e: ret */

static const char through_stub[] = "\x53"                     /* 1380: push %rbx */
                                   "\x48\x89\xfb"             /* 1381: mov %rdi,%rbx */
                                   "\x48\x8b\x7b\x38"         /* 1384: mov 0x38(%rbx),%rdi */
                                   "\xe8\x13\x00\x00\x00"     /* 1388: call 13a0 */
                                   "\x48\x8b\x7b\x48"         /* 138d: mov 0x48(%rbx),%rdi */
                                   "\xff\x15\xe9\x1d\x00\x00" /* 1391: call *0x1de9(%rip) # 3180 */
                                   "\x48\x8b\x7b\x50"         /* 1397: mov 0x50(%rbx),%rdi */
                                   "\x5b"                     /* 139b: pop %rbx */
                                   "\xeb\x12";                /* 139c: jmp 13b0 */

static const char stub[] = "\xff\x25\xda\x1d\x00\x00" /* 13a0: jmp *0x1dda(%rip) # 3180 */
                           "\x6a\x00";                /* 13a6: push $0x0 */

static const char other_stub[] = "\xf3\x0f\x1e\xfa"              /* 13b0: endbr64 */
                                 "\xf2\xff\x25\xcd\x1d\x00\x00"; /* 13b4: bnd jmp *0x1dcd(%rip) # 3188 */

static const char hot[] = "\x53"             /* 13c0: push %rbx */
                          "\x48\x89\xfb"     /* 13c1: mov %rdi,%rbx */
                          "\x48\x8b\x7f\x20" /* 13c4: mov 0x20(%rdi),%rdi */
                          "\x48\x85\xff"     /* 13c8: test %rdi,%rdi */
                          "\x74\x08"         /* 13cb: je 13d5 */
                          "\x8b\x47\x0c"     /* 13cd: mov 0xc(%rdi),%eax */
                          "\x83\xf8\xff"     /* 13d0: cmp $0xffffffff,%eax */
                          "\x75\x2b"         /* 13d3: jne 1400 */
                          "\x5b"             /* 13d5: pop %rbx */
                          "\xc3";            /* 13d6: ret */

static const char cold[] = "\xe8\xfb\xfb\xff\xff" /* 1400: call 1000 */
                           "\x48\x8b\x7b\x28"     /* 1405: mov 0x28(%rbx),%rdi */
                           "\xe8\xf2\xfb\xff\xff" /* 1409: call 1000 */
                           "\xeb\xc5";            /* 140e: jmp 13d5 */

static const char behind_lock[] = "\x48\x8b\x47\x10"         /* 1440: mov 0x10(%rdi),%rax */
                                  "\x48\x8d\x48\xfc"         /* 1444: lea -0x4(%rax),%rcx */
                                  "\xf0\x48\x0f\xb1\x4f\x10" /* 1448: lock cmpxchg %rcx,0x10(%rdi) */
                                  "\xf0\x48\x83\x46\x10\x04" /* 144e: lock addq $0x4,0x10(%rsi) */
                                  "\x0f\x94\xc0"             /* 1454: sete %al */
                                  "\xc3";                    /* 1457: ret */

static const char moved[] = "\x48\x8d\x57\x10"     /* 1480: lea 0x10(%rdi),%rdx */
                            "\x48\x8b\x47\x10"     /* 1484: mov 0x10(%rdi),%rax */
                            "\x31\xff"             /* 1488: xor %edi,%edi */
                            "\x48\x8d\x48\xfc"     /* 148a: lea -0x4(%rax),%rcx */
                            "\xf0\x48\x0f\xb1\x0a" /* 148e: lock cmpxchg %rcx,(%rdx) */
                            "\x75\xf5"             /* 1493: jne 148a */
                            "\xc3";                /* 1495: ret */

static const char static_object[] =
    "\x48\x8b\x05\x49\x1c\x00\x00"         /* 14c0: mov 0x1c49(%rip),%rax # 3110 */
    "\x48\x8d\x50\xfc"                     /* 14c7: lea -0x4(%rax),%rdx */
    "\xf0\x48\x0f\xb1\x15\x3c\x1c\x00\x00" /* 14cb: lock cmpxchg %rdx,0x1c3c(%rip) # 3110 */
    "\x75\xf1"                             /* 14d4: jne 14c7 */
    "\xb9\x20\x00\x00\x00"                 /* 14d6: mov $0x20,%ecx */
    "\xf0\x48\x0f\xb1\x0d\x2c\x1c\x00\x00" /* 14db: lock cmpxchg %rcx,0x1c2c(%rip) # 3110 */
    "\xc3";                                /* 14e4: ret */

static const char doubtful[] = "\x48\x8b\x47\x10"         /* 1500: mov 0x10(%rdi),%rax */
                               "\xf0\x48\x0f\xb1\x77\x10" /* 1504: lock cmpxchg %rsi,0x10(%rdi) */
                               "\x8b\x4a\x0c"             /* 150a: mov 0xc(%rdx),%ecx */
                               "\x48\x8b\x42\x10"         /* 150d: mov 0x10(%rdx),%rax */
                               "\xf0\x48\x0f\xb1\x72\x10" /* 1511: lock cmpxchg %rsi,0x10(%rdx) */
                               "\xc3";                    /* 1517: ret */

static const char switched[] = "\x53"                         /* 1540: push %rbx */
                               "\x48\x89\xfb"                 /* 1541: mov %rdi,%rbx */
                               "\x89\xf6"                     /* 1544: mov %esi,%esi */
                               "\x48\x8d\x15\xb3\x1a\x00\x00" /* 1546: lea 0x1ab3(%rip),%rdx # 3000 */
                               "\x48\x63\x04\xb2"             /* 154d: movslq (%rdx,%rsi,4),%rax */
                               "\x48\x01\xd0"                 /* 1551: add %rdx,%rax */
                               "\xff\xe0"                     /* 1554: jmp *%rax */
                               "\x48\x8b\x7b\x20"             /* 1556: mov 0x20(%rbx),%rdi */
                               "\xe8\xa1\xfa\xff\xff"         /* 155a: call 1000 */
                               "\x5b"                         /* 155f: pop %rbx */
                               "\xc3"                         /* 1560: ret */
                               "\x48\x8b\x7b\x28"             /* 1561: mov 0x28(%rbx),%rdi */
                               "\xe8\x96\xfa\xff\xff"         /* 1565: call 1000 */
                               "\x5b"                         /* 156a: pop %rbx */
                               "\xc3";                        /* 156b: ret */

static const char indirect[] = "\x53"             /* 1580: push %rbx */
                               "\x48\x89\xfb"     /* 1581: mov %rdi,%rbx */
                               "\x48\x8b\x7b\x20" /* 1584: mov 0x20(%rbx),%rdi */
                               "\xff\x56\x30"     /* 1588: call *0x30(%rsi) */
                               "\x5b"             /* 158b: pop %rbx */
                               "\xc3";            /* 158c: ret */

static const char drops_member[] = "\x48\x8b\x7f\x28"      /* 1640: mov 0x28(%rdi),%rdi */
                                   "\xe9\xb7\xf9\xff\xff"; /* 1644: jmp 1000 */

static const char drops_either[] = "\x48\x85\xf6"          /* 1680: test %rsi,%rsi */
                                   "\x74\x06"              /* 1683: je 168b */
                                   "\x48\x8b\x7f\x10"      /* 1685: mov 0x10(%rdi),%rdi */
                                   "\xeb\x04"              /* 1689: jmp 168f */
                                   "\x48\x8b\x7f\x30"      /* 168b: mov 0x30(%rdi),%rdi */
                                   "\xe9\x6c\xf9\xff\xff"; /* 168f: jmp 1000 */

static const char calls_members[] = "\x53"                 /* 16c0: push %rbx */
                                    "\x48\x89\xfb"         /* 16c1: mov %rdi,%rbx */
                                    "\xe8\x77\xff\xff\xff" /* 16c4: call 1640 */
                                    "\x48\x89\xdf"         /* 16c9: mov %rbx,%rdi */
                                    "\xe8\xaf\xff\xff\xff" /* 16cc: call 1680 */
                                    "\x5b"                 /* 16d1: pop %rbx */
                                    "\xc3";                /* 16d2: ret */

static const char distances[] = "\x56\xe5\xff\xff\x61\xe5\xff\xff"; /* 3000: to 1556, 1561 */
static const char broken[] = "\x90\x06\xc3";                        /* 06 is no instruction */

static const struct code_piece pieces[] = {
    CODE(GCC_DECREF, gcc_decref), CODE(CLANG_DECREF, clang_decref),
    CODE(0x1200, py_decref),      CODE(0x1240, clears),
    CODE(0x1280, drops_second),   CODE(0x12c0, calls_dropper),
    CODE(0x1300, passes_on),      CODE(0x1340, calls_passer),
    CODE(0x1380, through_stub),   CODE(0x13a0, stub),
    CODE(0x13b0, other_stub),     CODE(0x13c0, hot),
    COLD(0x1400, cold, 16),       CODE(0x1440, behind_lock),
    CODE(0x1480, moved),          CODE(0x14c0, static_object),
    CODE(0x1500, doubtful),       CODE(0x1540, switched),
    CODE(0x1580, indirect),       CODE(0x1600, broken),
    CODE(0x1640, drops_member),   CODE(0x1680, drops_either),
    CODE(0x16c0, calls_members),
    DATA(0x3000, distances),      END_OF_CODE,
};

/* As a library has them: the exported function, bound to a slot by its name, and a local one without. */
static const struct code_symbol symbols[] = {
    {"_Py_DecRefShared", GCC_DECREF, 0x3180}, {NULL, 0x1200, 0x3188}, END_OF_SYMBOLS};

static struct scan *scan;

static struct scan *scan_of(const struct code_piece *code, const struct code_symbol *names)
{
    struct elf_file *file = code_file(code, names);
    struct scan *found = scan_file(file, false);

    elf_file_close(file);
    return found;
}

static int set_up(void **state)
{
    (void)state;
    scan = scan_of(pieces, symbols);
    return scan ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scan_free(scan);
    scan_free(NULL);
    return 0;
}

static const struct operation *operation_at(const struct scan *in, uint64_t address)
{
    for (size_t i = 0; i < arrlenu(in->operations); i++) {
        if (in->operations[i].address == address)
            return &in->operations[i];
    }
    return NULL;
}

static void check_operation(uint64_t address, enum operation_kind kind, uint64_t probe, const char *object)
{
    const struct operation *operation = operation_at(scan, address);

    assert_non_null(operation);
    assert_string_equal(operation_name(operation->kind), operation_name(kind));
    assert_int_equal(operation->probe, probe);
    assert_place(operation->object, object);
}

/* What is known behind a call of target: where argument came from. */
static void check_caller(const struct scan *in, uint64_t returns_to, uint64_t target, int argument,
                         const char *expected)
{
    const struct caller *caller = scan_caller(in, returns_to);
    char text[256];

    assert_non_null(caller);
    assert_int_equal(caller->target, target);
    slot_text(&caller->arguments[argument], text, sizeof(text));
    assert_string_equal(text, expected);
}

/* Probes stand behind the exchanges, where the flags tell whether they succeeded. */
static void decrements_are_probed(void **state)
{
    (void)state;
    check_operation(GCC_EXCHANGE, OPERATION_DECREMENT, 0x1017, "rdi");
    check_operation(GCC_HAND_OFF, OPERATION_DECREMENT, 0x103a, "rdi");
    check_operation(CLANG_FIRST, OPERATION_DECREMENT, 0x10a5, "rbx");
    check_operation(CLANG_AGAIN, OPERATION_DECREMENT, 0x10c1, "rbx");
    assert_int_equal(operation_at(scan, GCC_EXCHANGE)->cost, PROBE_EMULATED);
    assert_int_equal(operation_at(scan, GCC_EXCHANGE)->meaning, HIT_COUNTS_IF_ZERO);
    assert_int_equal(operation_at(scan, GCC_EXCHANGE)->function, GCC_DECREF);
    assert_int_equal(operation_at(scan, GCC_EXCHANGE)->slot.kind, SLOT_ARGUMENT);
    assert_int_equal(operation_at(scan, GCC_EXCHANGE)->rule.depth, 0);
    assert_int_equal(operation_at(scan, CLANG_AGAIN)->rule.depth, 24);
}

/* The kernel takes no probe on a locked instruction; one on a plain instruction costs more. */
static void instructions_behind(void **state)
{
    (void)state;
    check_operation(0x1448, OPERATION_DECREMENT, 0, "rdi");
    assert_int_equal(operation_at(scan, 0x1448)->cost, PROBE_REFUSED);
    check_operation(0x144e, OPERATION_INCREMENT, 0, "rsi"); /* nothing guards it, and what follows would be stepped */
    assert_false(operation_at(scan, 0x144e)->guarded);
}

/* Where only the count's own address is left, the object lies 16 below it. */
static void only_the_count_is_left(void **state)
{
    (void)state;
    check_operation(0x148e, OPERATION_DECREMENT, 0x1493, "rdx");
    assert_int_equal(operation_at(scan, 0x148e)->adjust, 16);
    assert_int_equal(operation_at(scan, GCC_EXCHANGE)->adjust, 0);
}

/* A variable is an object if it is counted as one; other exchanges on variables are nobody's business. */
static void static_objects(void **state)
{
    (void)state;
    check_operation(0x14cb, OPERATION_DECREMENT, 0x14d4, "0x3100");
    assert_null(operation_at(scan, 0x14db));
}

/* An exchange that is not understood may be on any word: unless its local count is looked at, it is no
 * object's. */
static void doubts_are_settled(void **state)
{
    (void)state;
    check_operation(0x1504, OPERATION_FOREIGN, 0x150a, "rdi");
    check_operation(0x1511, OPERATION_UNKNOWN, 0x1517, "rdx");
}

static void fields_behind_calls(void **state)
{
    const struct caller *caller = scan_caller(scan, 0x125f);

    (void)state;
    check_caller(scan, 0x125f, GCC_DECREF, 0, "field rbx+0x20");
    check_caller(scan, 0x1271, CLANG_DECREF, 0, "field rbx+0x40");
    assert_int_equal(caller->function, 0x1240);
    assert_int_equal(caller->loses, 0);
    assert_int_equal(caller->rule.depth, 24);
    assert_place(caller->rule.saved[0], "[rsp+0x8]");
    assert_place(caller->rule.saved[1], "rbp"); /* pushed, but kept */
    assert_place(caller->rule.saved[2], "r12");
    assert_null(scan_caller(scan, 0x125a));
    assert_null(scan_caller(scan, 0x158b)); /* an indirect call: of what, nobody knows */
}

/* A local copy of Py_DECREF jumps on with what it was given: its callers are as good as the slow path's. */
static void wrappers_that_jump(void **state)
{
    (void)state;
    check_caller(scan, 0x1268, 0x1200, 0, "field rbx+0x28");
    assert_int_equal(scan_caller(scan, 0x1268)->loses, 0);
}

/* One that jumps on with something else leaves a return address behind which the argument tells nothing. */
static void tail_jumps_that_lose_the_argument(void **state)
{
    (void)state;
    check_caller(scan, 0x12d1, 0x1280, 0, "none");
    assert_int_equal(scan_caller(scan, 0x12d1)->loses, 1);
}

/* What it jumps on with may be a member of what it was given, always the same one or one of several. */
static void tail_jumps_with_a_member(void **state)
{
    (void)state;
    check_caller(scan, 0x16c9, 0x1640, 0, "field rbx+0x28");
    assert_int_equal(scan_caller(scan, 0x16c9)->loses, 1);
    assert_int_equal(scan_caller(scan, 0x16c9)->members[0], 1 << 5);
    check_caller(scan, 0x16d1, 0x1680, 0, "none");
    assert_int_equal(scan_caller(scan, 0x16d1)->members[0], 1 << 2 | 1 << 6);
    assert_int_equal(scan_caller(scan, 0x12d1)->members[0], 0);
}

/* One that calls, with an argument of its own in another place, is climbed: its callers know more. */
static void wrappers_that_call(void **state)
{
    (void)state;
    check_caller(scan, 0x130c, 0x1200, 0, "argument 1");
    assert_int_equal(scan_caller(scan, 0x130c)->rule.depth, 8);
    check_caller(scan, 0x134d, 0x1300, 1, "field rbx+0x30");
    check_caller(scan, 0x134d, 0x1300, 0, "none");
}

/* In a library even its own functions are called through a stub or a slot, which dynamic relocations fill. */
static void stubs(void **state)
{
    (void)state;
    check_caller(scan, 0x138d, GCC_DECREF, 0, "field rbx+0x38");
    check_caller(scan, 0x1397, GCC_DECREF, 0, "field rbx+0x48");
}

/* The cold half goes on with what the hot one put into registers, and is the same function. */
static void cold_halves(void **state)
{
    (void)state;
    check_caller(scan, 0x1405, GCC_DECREF, 0, "field rbx+0x20");
    check_caller(scan, 0x140e, GCC_DECREF, 0, "field rbx+0x28");
    assert_int_equal(scan_caller(scan, 0x1405)->function, 0x13c0);
    assert_int_equal(scan_caller(scan, 0x1405)->rule.depth, 8);
}

static void cases_of_a_switch(void **state)
{
    (void)state;
    check_caller(scan, 0x155f, GCC_DECREF, 0, "field rbx+0x20");
    check_caller(scan, 0x156a, GCC_DECREF, 0, "field rbx+0x28");
    assert_int_equal(scan_caller(scan, 0x155f)->rule.depth, 8); /* which only the way there can tell */
}

static void totals(void **state)
{
    (void)state;
    assert_int_equal(scan->ranges, sizeof(pieces) / sizeof(pieces[0]) - 2);
    assert_int_equal(scan->undecoded, 1);
    assert_int_equal(scan->text_start, CODE_FILE_TEXT);
    assert_int_equal(scan->text_end, CODE_FILE_DATA);
    for (size_t i = 1; i < arrlenu(scan->operations); i++)
        assert_true(scan->operations[i - 1].address < scan->operations[i].address);
    for (size_t i = 1; i < arrlenu(scan->callers); i++)
        assert_true(scan->callers[i - 1].returns_to < scan->callers[i].returns_to);
}

/* Nothing hangs on names: a stripped file says the same, but for what only relocations tell. */
static void without_names(void **state)
{
    struct scan *stripped = scan_of(pieces, NULL);

    (void)state;
    assert_int_equal(arrlenu(stripped->operations), arrlenu(scan->operations));
    check_caller(stripped, 0x125f, GCC_DECREF, 0, "field rbx+0x20");
    check_caller(stripped, 0x1268, 0x1200, 0, "field rbx+0x28");
    check_caller(stripped, 0x134d, 0x1300, 1, "field rbx+0x30");
    check_caller(stripped, 0x140e, GCC_DECREF, 0, "field rbx+0x28");
    assert_null(scan_caller(stripped, 0x138d));
    scan_free(stripped);
}

/* With link-time optimisation the exported name is but a jump through a stub to where the loop is. */
static void jump_to_the_loop(void **state)
{
    static const char name[] = "\xff\x25\x7a\x1f\x00\x00"; /* 1200: jmp *0x1f7a(%rip) # 3180 */
    static const char caller[] = "\x53"                    /* 1240: push %rbx */
                                 "\x48\x89\xfb"            /* 1241: mov %rdi,%rbx */
                                 "\x48\x8b\x7f\x20"        /* 1244: mov 0x20(%rdi),%rdi */
                                 "\xe8\xb3\xff\xff\xff"    /* 1248: call 1200 */
                                 "\x5b"                    /* 124d: pop %rbx */
                                 "\xc3";                   /* 124e: ret */
    static const struct code_piece code[] = {CODE(GCC_DECREF, gcc_decref), CODE(0x1200, name),
                                             CODE(0x1240, caller), END_OF_CODE};
    static const struct code_symbol names[] = {
        {"_Py_DecRefShared", 0x1200, 0}, {"_Py_DecRefSharedDebug", GCC_DECREF, 0x3180}, END_OF_SYMBOLS};
    struct scan *found = scan_of(code, names);

    (void)state;
    assert_int_equal(arrlen(found->operations), 2);
    check_caller(found, 0x124d, GCC_DECREF, 0, "field rbx+0x20");
    scan_free(found);
}

static void no_code(void **state)
{
    static const struct code_piece nothing[] = {END_OF_CODE};

    (void)state;
    assert_null(scan_of(nothing, NULL));
    assert_non_null(strstr(last_failure(), ".eh_frame"));
}

static void names_of_kinds(void **state)
{
    (void)state;
    assert_string_equal(operation_name(OPERATION_UNKNOWN), "unknown");
    assert_string_equal(operation_name(OPERATION_ADD), "add");
    assert_string_equal(operation_name(OPERATION_NO_ID_INCREMENT), "no-id increment");
    assert_string_equal(operation_name(OPERATION_KINDS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decrements_are_probed),
        cmocka_unit_test(instructions_behind),
        cmocka_unit_test(only_the_count_is_left),
        cmocka_unit_test(static_objects),
        cmocka_unit_test(doubts_are_settled),
        cmocka_unit_test(fields_behind_calls),
        cmocka_unit_test(wrappers_that_jump),
        cmocka_unit_test(tail_jumps_that_lose_the_argument),
        cmocka_unit_test(tail_jumps_with_a_member),
        cmocka_unit_test(wrappers_that_call),
        cmocka_unit_test(stubs),
        cmocka_unit_test(cold_halves),
        cmocka_unit_test(cases_of_a_switch),
        cmocka_unit_test(totals),
        cmocka_unit_test(without_names),
        cmocka_unit_test(jump_to_the_loop),
        cmocka_unit_test(no_code),
        cmocka_unit_test(names_of_kinds),
    };

    return cmocka_run_group_tests_name("scan", tests, set_up, tear_down);
}

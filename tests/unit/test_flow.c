/* The data flow through functions of literal machine code: what is known, what is forgotten, and where it
 * lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "code_flow.h"
#include "probe/refcount.h"

/* Every call goes to 1140, which is not there: what it does is not asked. */

static const char saved[] = "\x41\x56"             /* 1200: push %r14 */
                            "\x53"                 /* 1202: push %rbx */
                            "\x50"                 /* 1203: push %rax */
                            "\x48\x89\xfb"         /* 1204: mov %rdi,%rbx */
                            "\xe8\x34\xff\xff\xff" /* 1207: call 1140 */
                            "\x49\x89\xc6"         /* 120c: mov %rax,%r14 */
                            "\x48\x83\xc4\x08"     /* 120f: add $0x8,%rsp */
                            "\x5b"                 /* 1213: pop %rbx */
                            "\x41\x5e"             /* 1214: pop %r14 */
                            "\xc3";                /* 1216: ret */

static const char framed[] = "\x55"                 /* 1240: push %rbp */
                             "\x48\x89\xe5"         /* 1241: mov %rsp,%rbp */
                             "\x53"                 /* 1244: push %rbx */
                             "\x48\x83\xec\x18"     /* 1245: sub $0x18,%rsp */
                             "\x48\x89\x7d\xe8"     /* 1249: mov %rdi,-0x18(%rbp) */
                             "\x48\x83\xe4\xc0"     /* 124d: and $0xffffffffffffffc0,%rsp */
                             "\xe8\xea\xfe\xff\xff" /* 1251: call 1140 */
                             "\x48\x8b\x5d\xe8"     /* 1256: mov -0x18(%rbp),%rbx */
                             "\x48\x8d\x65\xf8"     /* 125a: lea -0x8(%rbp),%rsp */
                             "\x5b"                 /* 125e: pop %rbx */
                             "\xc9"                 /* 125f: leave */
                             "\xc3";                /* 1260: ret */

static const char overwritten[] = "\x48\x83\xec\x28"                     /* 1280: sub $0x28,%rsp */
                                  "\x48\x89\x7c\x24\x08"                 /* 1284: mov %rdi,0x8(%rsp) */
                                  "\x48\x8b\x44\x24\x08"                 /* 1289: mov 0x8(%rsp),%rax */
                                  "\xc7\x44\x24\x0c\x00\x00\x00\x00"     /* 128e: movl $0x0,0xc(%rsp) */
                                  "\x48\x8b\x4c\x24\x08"                 /* 1296: mov 0x8(%rsp),%rcx */
                                  "\x48\x89\x7c\x24\x10"                 /* 129b: mov %rdi,0x10(%rsp) */
                                  "\x0f\x11\x44\x24\x08"                 /* 12a0: movups %xmm0,0x8(%rsp) */
                                  "\x48\x8b\x54\x24\x10"                 /* 12a5: mov 0x10(%rsp),%rdx */
                                  "\x48\x89\x7c\x24\x10"                 /* 12aa: mov %rdi,0x10(%rsp) */
                                  "\x48\x8b\x74\x24\x14"                 /* 12af: mov 0x14(%rsp),%rsi */
                                  "\x64\x48\x89\x34\x25\x10\x00\x00\x00" /* 12b4: mov %rsi,%fs:0x10 */
                                  "\x4c\x8b\x44\x24\x10"                 /* 12bd: mov 0x10(%rsp),%r8 */
                                  "\x48\x83\xc4\x28"                     /* 12c2: add $0x28,%rsp */
                                  "\xc3";                                /* 12c6: ret */

static const char escaping[] = "\x53"                 /* 1300: push %rbx */
                               "\x48\x83\xec\x20"     /* 1301: sub $0x20,%rsp */
                               "\x48\x89\xfb"         /* 1305: mov %rdi,%rbx */
                               "\x48\x89\x7c\x24\x08" /* 1308: mov %rdi,0x8(%rsp) */
                               "\x48\x89\x7c\x24\x18" /* 130d: mov %rdi,0x18(%rsp) */
                               "\x48\x8d\x7c\x24\x08" /* 1312: lea 0x8(%rsp),%rdi */
                               "\x48\x8b\x44\x24\x08" /* 1317: mov 0x8(%rsp),%rax */
                               "\xe8\x1f\xfe\xff\xff" /* 131c: call 1140 */
                               "\x48\x8b\x7c\x24\x08" /* 1321: mov 0x8(%rsp),%rdi */
                               "\x48\x8b\x74\x24\x18" /* 1326: mov 0x18(%rsp),%rsi */
                               "\x48\x83\xc4\x20"     /* 132b: add $0x20,%rsp */
                               "\x5b"                 /* 132f: pop %rbx */
                               "\xc3";                /* 1330: ret */

static const char below[] = "\x48\x83\xec\x10"     /* 1340: sub $0x10,%rsp */
                            "\x48\x89\x7c\x24\x08" /* 1344: mov %rdi,0x8(%rsp) */
                            "\x48\x89\x34\x24"     /* 1349: mov %rsi,(%rsp) */
                            "\x4c\x8b\x4c\x24\x08" /* 134d: mov 0x8(%rsp),%r9 */
                            "\x48\x83\xc4\x10"     /* 1352: add $0x10,%rsp */
                            "\x31\xff"             /* 1356: xor %edi,%edi */
                            "\xe8\xe3\xfd\xff\xff" /* 1358: call 1140 */
                            "\xc3";                /* 135d: ret */

static const char red_zone[] = "\x48\x89\x7c\x24\xf0"             /* 1380: mov %rdi,-0x10(%rsp) */
                               "\x48\x89\xb4\x24\x70\xff\xff\xff" /* 1385: mov %rsi,-0x90(%rsp) */
                               "\x48\x8b\x3f"                     /* 138d: mov (%rdi),%rdi */
                               "\x31\xf6"                         /* 1390: xor %esi,%esi */
                               "\xc3";                            /* 1392: ret */

static const char filled[] = "\x48\x83\xec\x28"     /* 13c0: sub $0x28,%rsp */
                             "\x48\x89\xfb"         /* 13c4: mov %rdi,%rbx */
                             "\x48\x89\x7c\x24\x08" /* 13c7: mov %rdi,0x8(%rsp) */
                             "\x48\x8d\x7c\x24\x08" /* 13cc: lea 0x8(%rsp),%rdi */
                             "\x31\xc0"             /* 13d1: xor %eax,%eax */
                             "\xb9\x02\x00\x00\x00" /* 13d3: mov $0x2,%ecx */
                             "\xf3\x48\xab"         /* 13d8: rep stos %rax,%es:(%rdi) */
                             "\x48\x8b\x54\x24\x08" /* 13db: mov 0x8(%rsp),%rdx */
                             "\x48\x83\xc4\x28"     /* 13e0: add $0x28,%rsp */
                             "\xc3";                /* 13e4: ret */

static const char spilled_once[] = "\x48\x83\xec\x18"     /* 1400: sub $0x18,%rsp */
                                   "\x85\xf6"             /* 1404: test %esi,%esi */
                                   "\x74\x0f"             /* 1406: je 1417 */
                                   "\x48\x89\x7c\x24\x08" /* 1408: mov %rdi,0x8(%rsp) */
                                   "\xe8\x2e\xfd\xff\xff" /* 140d: call 1140 */
                                   "\x48\x8b\x7c\x24\x08" /* 1412: mov 0x8(%rsp),%rdi */
                                   "\x48\x8b\x7f\x20"     /* 1417: mov 0x20(%rdi),%rdi */
                                   "\xe8\x20\xfd\xff\xff" /* 141b: call 1140 */
                                   "\x48\x83\xc4\x18"     /* 1420: add $0x18,%rsp */
                                   "\xc3";                /* 1424: ret */

static const char spilled_always[] = "\x48\x83\xec\x18"     /* 1440: sub $0x18,%rsp */
                                     "\x48\x89\x7c\x24\x08" /* 1444: mov %rdi,0x8(%rsp) */
                                     "\x85\xf6"             /* 1449: test %esi,%esi */
                                     "\x74\x0a"             /* 144b: je 1457 */
                                     "\xe8\xee\xfc\xff\xff" /* 144d: call 1140 */
                                     "\x48\x8b\x7c\x24\x08" /* 1452: mov 0x8(%rsp),%rdi */
                                     "\x48\x8b\x7f\x20"     /* 1457: mov 0x20(%rdi),%rdi */
                                     "\xe8\xe0\xfc\xff\xff" /* 145b: call 1140 */
                                     "\x48\x83\xc4\x18"     /* 1460: add $0x18,%rsp */
                                     "\xc3";                /* 1464: ret */

static const char walk[] =
    "\x41\x54"                                     /* 1480: push %r12 */
    "\x53"                                         /* 1482: push %rbx */
    "\x49\x89\xfc"                                 /* 1483: mov %rdi,%r12 */
    "\x48\x8d\x5f\x30"                             /* 1486: lea 0x30(%rdi),%rbx */
    "\x48\x85\xf6"                                 /* 148a: test %rsi,%rsi */
    "\x75\x11"                                     /* 148d: jne 14a0 */
    "\x5b"                                         /* 148f: pop %rbx */
    "\x41\x5c"                                     /* 1490: pop %r12 */
    "\xc3"                                         /* 1492: ret */
    "\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00" /* 1493: data16 cs nopw 0x0(%rax,%rax,1) */
    "\x66\x90"                                     /* 149e: xchg %ax,%ax */
    "\x48\x8b\x3b"                                 /* 14a0: mov (%rbx),%rdi */
    "\xe8\x98\xfc\xff\xff"                         /* 14a3: call 1140 */
    "\x48\x83\xc3\x08"                             /* 14a8: add $0x8,%rbx */
    "\x49\x39\xdd"                                 /* 14ac: cmp %rbx,%r13 */
    "\x75\xef"                                     /* 14af: jne 14a0 */
    "\x5b"                                         /* 14b1: pop %rbx */
    "\x41\x5c"                                     /* 14b2: pop %r12 */
    "\xc3";                                        /* 14b4: ret */

static const char paths[] = "\x48\x89\xf9"     /* 14c0: mov %rdi,%rcx */
                            "\x48\x89\xfa"     /* 14c3: mov %rdi,%rdx */
                            "\x85\xf6"         /* 14c6: test %esi,%esi */
                            "\x74\x03"         /* 14c8: je 14cd */
                            "\x48\x89\xf1"     /* 14ca: mov %rsi,%rcx */
                            "\x48\x89\xc8"     /* 14cd: mov %rcx,%rax */
                            "\x48\x0f\x45\xd6" /* 14d0: cmovne %rsi,%rdx */
                            "\xc3";            /* 14d4: ret */

static const char relative_switch[] = "\x83\xfe\x02"                 /* 1500: cmp $0x2,%esi */
                                      "\x77\x1d"                     /* 1503: ja 1522 */
                                      "\x48\x8d\x15\xf4\x1a\x00\x00" /* 1505: lea 0x1af4(%rip),%rdx # 3000 */
                                      "\x89\xf6"                     /* 150c: mov %esi,%esi */
                                      "\x48\x63\x04\xb2"             /* 150e: movslq (%rdx,%rsi,4),%rax */
                                      "\x48\x01\xd0"                 /* 1512: add %rdx,%rax */
                                      "\xff\xe0"                     /* 1515: jmp *%rax */
                                      "\x48\x89\xf8"                 /* 1517: mov %rdi,%rax */
                                      "\xc3"                         /* 151a: ret */
                                      "\x48\x8b\x47\x20"             /* 151b: mov 0x20(%rdi),%rax */
                                      "\xc3"                         /* 151f: ret */
                                      "\x31\xc0"                     /* 1520: xor %eax,%eax */
                                      "\xc3";                        /* 1522: ret */

static const char absolute_switch[] = "\x89\xf6"                     /* 1540: mov %esi,%esi */
                                      "\xff\x24\xf5\x40\x30\x00\x00" /* 1542: jmp *0x3040(,%rsi,8) */
                                      "\x48\x89\xf8"                 /* 1549: mov %rdi,%rax */
                                      "\xc3"                         /* 154c: ret */
                                      "\x48\x8b\x47\x20"             /* 154d: mov 0x20(%rdi),%rax */
                                      "\xc3";                        /* 1551: ret */

static const char relocated_switch[] = "\x89\xf6"                     /* 1580: mov %esi,%esi */
                                       "\x48\x8d\x15\xf7\x1a\x00\x00" /* 1582: lea 0x1af7(%rip),%rdx # 3080 */
                                       "\xff\x24\xf2"                 /* 1589: jmp *(%rdx,%rsi,8) */
                                       "\x48\x89\xf8"                 /* 158c: mov %rdi,%rax */
                                       "\xc3"                         /* 158f: ret */
                                       "\x48\x8b\x47\x20"             /* 1590: mov 0x20(%rdi),%rax */
                                       "\xc3";                        /* 1594: ret */

static const char hot[] = "\x53"         /* 15c0: push %rbx */
                          "\x48\x89\xfb" /* 15c1: mov %rdi,%rbx */
                          "\x48\x85\xf6" /* 15c4: test %rsi,%rsi */
                          "\x74\x37"     /* 15c7: je 1600 */
                          "\x48\x89\xd8" /* 15c9: mov %rbx,%rax */
                          "\x5b"         /* 15cc: pop %rbx */
                          "\xc3";        /* 15cd: ret */

static const char cold[] = "\xe8\x3b\xfb\xff\xff" /* 1600: call 1140 */
                           "\xeb\xc2";            /* 1605: jmp 15c9 */

static const char computed[] =
    "\x64\x48\x8b\x04\x25\x00\x00\x00\x00"     /* 1640: mov %fs:0x0,%rax */
    "\x48\xc7\xc1\xf8\xff\xff\xff"             /* 1649: mov $0xfffffffffffffff8,%rcx */
    "\x64\x48\x8b\x11"                         /* 1650: mov %fs:(%rcx),%rdx */
    "\x4c\x8d\x47\x10"                         /* 1654: lea 0x10(%rdi),%r8 */
    "\x49\x83\xc0\x08"                         /* 1658: add $0x8,%r8 */
    "\x49\x83\xe8\x18"                         /* 165c: sub $0x18,%r8 */
    "\x4c\x8d\x4c\xf7\x08"                     /* 1660: lea 0x8(%rdi,%rsi,8),%r9 */
    "\x49\x89\xfa"                             /* 1665: mov %rdi,%r10 */
    "\x49\x83\xe2\xfc"                         /* 1668: and $0xfffffffffffffffc,%r10 */
    "\x48\x83\xce\x03"                         /* 166c: or $0x3,%rsi */
    "\x48\x87\xf7"                             /* 1670: xchg %rsi,%rdi */
    "\x49\xbb\xf0\xde\xbc\x9a\x78\x56\x34\x12" /* 1673: movabs $0x123456789abcdef0,%r11 */
    "\x48\x8d\x1d\x3c\x1a\x00\x00"             /* 167d: lea 0x1a3c(%rip),%rbx # 30c0 */
    "\x89\xff"                                 /* 1684: mov %edi,%edi */
    "\xc3";                                    /* 1686: ret */

static const char dead[] = "\xc3"         /* 16c0: ret */
                           "\x48\x89\xf8" /* 16c1: mov %rdi,%rax */
                           "\xc3";        /* 16c4: ret */

static const char walk_items[] =
    "\x53"                                         /* 1700: push %rbx */
    "\x48\x8b\x5f\x28"                             /* 1701: mov 0x28(%rdi),%rbx */
    "\x48\x85\xf6"                                 /* 1705: test %rsi,%rsi */
    "\x75\x16"                                     /* 1708: jne 1720 */
    "\x5b"                                         /* 170a: pop %rbx */
    "\xc3"                                         /* 170b: ret */
    "\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00" /* 170c: data16 cs nopw 0x0(%rax,%rax,1) */
    "\x66\x0f\x1f\x84\x00\x00\x00\x00\x00"         /* 1717: nopw 0x0(%rax,%rax,1) */
    "\x48\x8b\x3b"                                 /* 1720: mov (%rbx),%rdi */
    "\xe8\x18\xfa\xff\xff"                         /* 1723: call 1140 */
    "\x48\x83\xc3\x08"                             /* 1728: add $0x8,%rbx */
    "\x49\x39\xdd"                                 /* 172c: cmp %rbx,%r13 */
    "\x75\xef"                                     /* 172f: jne 1720 */
    "\x5b"                                         /* 1731: pop %rbx */
    "\xc3";                                        /* 1732: ret */

static const char distances[] =
    "\x17\xe5\xff\xff\x1b\xe5\xff\xff\x20\xe5\xff\xff";                    /* 3000: to 1517, 151b, 1520 */
static const char pointers[] = "\x49\x15\0\0\0\0\0\0\x4d\x15\0\0\0\0\0\0"; /* 3040: 1549, 154d */

static const struct code_piece pieces[] = {
    CODE(0x1200, saved),
    CODE(0x1240, framed),
    CODE(0x1280, overwritten),
    CODE(0x1300, escaping),
    CODE(0x1340, below),
    CODE(0x1380, red_zone),
    CODE(0x13c0, filled),
    CODE(0x1400, spilled_once),
    CODE(0x1440, spilled_always),
    CODE(0x1480, walk),
    CODE(0x14c0, paths),
    CODE(0x1500, relative_switch),
    CODE(0x1540, absolute_switch),
    CODE(0x1580, relocated_switch),
    CODE(0x15c0, hot),
    COLD(0x1600, cold, 16),
    CODE(0x1640, computed),
    CODE(0x16c0, dead),
    CODE(0x1700, walk_items),
    DATA(0x3000, distances),
    DATA(0x3040, pointers),
    END_OF_CODE,
};

/* The pointers at 3080 and 3088 are put there by the dynamic linker. */
static const struct code_symbol symbols[] = {{NULL, 0x158c, 0x3080}, {NULL, 0x1590, 0x3088}, END_OF_SYMBOLS};

static struct code_flow function_at(uint64_t entry)
{
    return code_flow_new(pieces, symbols, entry, 0);
}

/* Where what register reg held at the function's entry lies at an address. */
static struct place find(const struct code_flow *code, enum reg reg, uint64_t address, uint32_t allowed)
{
    struct moment first = moment_at(code, code->unit->ranges[0].start), moment = moment_at(code, address);

    assert_true(first.reached && moment.reached);
    return flow_find(code->flow, &moment.state, first.state.at[reg], allowed);
}

static int64_t depth(const struct code_flow *code, uint64_t address)
{
    struct moment moment = moment_at(code, address);

    assert_true(moment.reached);
    return flow_depth(code->flow, &moment.state);
}

static struct place find_saved(const struct code_flow *code, enum reg reg, uint64_t address)
{
    struct moment moment = moment_at(code, address);

    return flow_find_entry(code->flow, &moment.state, reg);
}

/* Pushes, a copy to a saved register, and the way back: clang's _Py_DecRefShared is framed so. */
static void registers_are_saved(void **state)
{
    struct code_flow code = function_at(0x1200);

    (void)state;
    assert_int_equal(depth(&code, 0x1200), 0);
    assert_int_equal(depth(&code, 0x120f), 24);
    assert_value(moment_at(&code, 0x120f), RBX, "rdi");
    assert_value(moment_at(&code, 0x120f), R14, "result(0x1140)");
    assert_value(moment_at(&code, 0x120f), RDI, "?"); /* the call took it */
    assert_place(find(&code, RDI, 0x120f, CALLEE_SAVED), "rbx");
    assert_place(find(&code, RDI, 0x120f, 1u << R12), "nowhere");
    assert_place(find_saved(&code, RBX, 0x120f), "[rsp+0x8]");
    assert_place(find_saved(&code, R14, 0x120f), "[rsp+0x10]");
    assert_place(find_saved(&code, RBP, 0x120f), "rbp");
    assert_int_equal(depth(&code, 0x1216), 0);
    assert_place(find_saved(&code, RBX, 0x1216), "rbx");
    assert_place(find_saved(&code, R14, 0x1216), "r14");
    code_flow_free(&code);
}

/* What rsp is behind an alignment is not known, but rbp still leads to the variables and back. */
static void frame_pointer(void **state)
{
    struct code_flow code = function_at(0x1240);

    (void)state;
    assert_int_equal(depth(&code, 0x124d), 0x28);
    assert_int_equal(depth(&code, 0x1251), -1);
    assert_place(find(&code, RDI, 0x1256, CALLEE_SAVED), "nowhere");
    assert_value(moment_at(&code, 0x125a), RBX, "rdi");
    assert_int_equal(depth(&code, 0x125e), 16);
    assert_place(find_saved(&code, RBP, 0x1260), "rbp");
    assert_place(find_saved(&code, RBX, 0x1260), "rbx");
    assert_int_equal(depth(&code, 0x1260), 0);
    code_flow_free(&code);
}

/* A narrower, a wider and an unaligned access each see that a slot is not what it was; another segment is
 * elsewhere. */
static void partial_writes(void **state)
{
    struct code_flow code = function_at(0x1280);

    (void)state;
    assert_value(moment_at(&code, 0x12c2), RAX, "rdi");
    assert_value(moment_at(&code, 0x12c2), RCX, "?");
    assert_value(moment_at(&code, 0x12c2), RDX, "?");
    assert_value(moment_at(&code, 0x12c2), RSI, "?");
    assert_value(moment_at(&code, 0x12c2), R8, "rdi");
    code_flow_free(&code);
}

/* An out-parameter, as of a function that gives back a reference: not to be believed once anybody could write
 * it. */
static void address_taken(void **state)
{
    struct code_flow code = function_at(0x1300);

    (void)state;
    assert_value(moment_at(&code, 0x131c), RAX, "rdi");
    assert_value(moment_at(&code, 0x132b), RDI, "?");
    assert_value(moment_at(&code, 0x132b), RSI, "?"); /* a struct may reach from one slot into the next */
    assert_place(find(&code, RDI, 0x131c, 0), "nowhere");
    assert_place(find_saved(&code, RBX, 0x132b),
                 "[rsp+0x20]"); /* but not into what the caller's registers are kept in */
    assert_place(find(&code, RDI, 0x1321, 0xffff), "rbx");
    code_flow_free(&code);
}

/* rep stos writes where rdi points, which no operand says. */
static void string_instructions_write(void **state)
{
    struct code_flow code = function_at(0x13c0);

    (void)state;
    assert_value(moment_at(&code, 0x13e0), RDX, "?");
    assert_value(moment_at(&code, 0x13e0), RBX, "rdi");
    code_flow_free(&code);
}

/* What was popped or given back lies below rsp, where the next call puts its return address. */
static void calls_write_below(void **state)
{
    struct code_flow code = function_at(0x1340);

    (void)state;
    assert_place(find(&code, RDI, 0x1352, 1u << R9), "r9");
    assert_place(find(&code, RDI, 0x1352, CALLEE_SAVED), "[rsp+0x8]");
    assert_place(find(&code, RDI, 0x135d, 0xffff), "nowhere");
    assert_place(find(&code, RSI, 0x135d, 0xffff), "nowhere");
    code_flow_free(&code);
}

static void red_zone_holds(void **state)
{
    struct code_flow code = function_at(0x1380);

    (void)state;
    assert_place(find(&code, RDI, 0x1392, 0xffff), "[rsp-0x10]");
    assert_place(find(&code, RSI, 0x1392, 0xffff), "nowhere"); /* signals write so far down */
    assert_value(moment_at(&code, 0x1392), RDI, "[rdi]");
    code_flow_free(&code);
}

/* gcc spills an argument only on the way that has a call: behind where the ways meet, the slot holds it by
 * chance. */
static void slot_of_one_way(void **state)
{
    struct code_flow once = function_at(0x1400), always = function_at(0x1440);

    (void)state;
    assert_value(moment_at(&once, 0x1417), RDI, "rdi");
    assert_value(moment_at(&once, 0x141b), RDI, "[rdi+0x20]");
    assert_place(find(&once, RDI, 0x1417, CALLEE_SAVED), "nowhere");
    assert_place(find(&once, RDI, 0x141b, CALLEE_SAVED), "nowhere");
    assert_place(find(&always, RDI, 0x145b, CALLEE_SAVED), "[rsp+0x8]");
    code_flow_free(&once);
    code_flow_free(&always);
}

/* A pointer steps through a tuple, from a loop head with filler before it that nothing ever runs. */
static void walking_pointer(void **state)
{
    struct code_flow code = function_at(0x1480);
    struct moment moment = moment_at(&code, 0x14a0), first = moment_at(&code, 0x1480);
    value_id pointer = moment.state.at[RBX];

    (void)state;
    assert_value(moment, RBX, "phi");
    assert_value(moment, R12, "rdi");
    assert_value(moment_at(&code, 0x14a3), RDI, "[phi]");
    assert_true(flow_is_walking(code.flow, pointer));
    assert_false(flow_is_walking(code.flow, first.state.at[RDI]));
    assert_int_equal(refcount_origin(code.flow, pointer), first.state.at[RDI]);
    assert_false(moment_at(&code, 0x1493).reached);
    assert_int_equal(depth(&code, 0x14a0), 16);
    code_flow_free(&code);
}

/* The same through a list's items, which start where the first step is not yet made. */
static void walking_from_the_start(void **state)
{
    struct code_flow code = function_at(0x1700);
    struct moment moment = moment_at(&code, 0x1720), before = moment_at(&code, 0x1705);
    value_id pointer = moment.state.at[RBX];

    (void)state;
    assert_value(moment, RBX, "phi");
    assert_value(before, RBX, "[rdi+0x28]");
    assert_true(flow_is_walking(code.flow, pointer));
    assert_int_equal(refcount_origin(code.flow, pointer), before.state.at[RBX]);
    assert_int_not_equal(flow_input(code.flow, pointer, 1), 0);
    assert_int_equal(flow_input(code.flow, pointer, 2), 0);
    code_flow_free(&code);
}

static void ways_meet(void **state)
{
    struct code_flow code = function_at(0x14c0);
    struct moment moment = moment_at(&code, 0x14d4), first = moment_at(&code, 0x14c0);
    value_id merged = moment.state.at[RAX], one = flow_input(code.flow, merged, 0),
             other = flow_input(code.flow, merged, 1);

    (void)state;
    assert_value(moment, RAX, "phi");
    assert_value(moment, RCX, "phi");
    assert_int_equal(merged, moment.state.at[RCX]);
    assert_value(moment, RDX, "(rsi or rdi)");
    assert_true(one == first.state.at[RDI] || one == first.state.at[RSI]);
    assert_true(other == first.state.at[RDI] || other == first.state.at[RSI]);
    assert_int_not_equal(one, other);
    assert_int_equal(flow_input(code.flow, merged, 2), 0);
    assert_int_equal(flow_input(code.flow, one, 0), 0);
    assert_int_equal(refcount_origin(code.flow, merged), 0); /* two things */
    assert_false(flow_is_walking(code.flow, merged));
    code_flow_free(&code);
}

/* Each case of a switch is reached with what held before the jump, whatever kind of table leads there. */
static void switches(void **state)
{
    struct code_flow relative = function_at(0x1500), absolute = function_at(0x1540),
                     relocated = function_at(0x1580);

    (void)state;
    assert_value(moment_at(&relative, 0x151a), RAX, "rdi");
    assert_value(moment_at(&relative, 0x151f), RAX, "[rdi+0x20]");
    assert_value(moment_at(&relative, 0x1520), RDI, "rdi");
    assert_int_equal(depth(&relative, 0x1522), 0);
    assert_value(moment_at(&absolute, 0x154c), RAX, "rdi");
    assert_value(moment_at(&absolute, 0x1551), RAX, "[rdi+0x20]");
    assert_value(moment_at(&relocated, 0x158f), RAX, "rdi");
    assert_value(moment_at(&relocated, 0x1594), RAX, "[rdi+0x20]");
    code_flow_free(&relative);
    code_flow_free(&absolute);
    code_flow_free(&relocated);
}

/* What nothing is known to lead to may be led to by anything: nothing holds there. */
static void unknown_ways(void **state)
{
    struct code_flow code = function_at(0x16c0);

    (void)state;
    assert_value(moment_at(&code, 0x16c1), RDI, "phi");
    assert_int_equal(depth(&code, 0x16c1), -1);
    code_flow_free(&code);
}

static void cold_half(void **state)
{
    struct code_flow joined = code_flow_new(pieces, NULL, 0x15c0, 0x1600), alone = function_at(0x15c0);

    (void)state;
    assert_int_equal(unit_op_at(alone.unit, 0x1600), -1);
    assert_true(unit_op_at(joined.unit, 0x1605) > 0);
    assert_int_equal(unit_op_at(joined.unit, 0x1606), -1);
    assert_int_equal(depth(&joined, 0x1600), 8);
    assert_value(moment_at(&joined, 0x1600), RDI, "rdi");
    assert_value(moment_at(&joined, 0x1605), RBX, "rdi");
    assert_place(find_saved(&joined, RBX, 0x1605), "[rsp+0x0]");
    assert_value(moment_at(&joined, 0x15c9), RSI, "phi"); /* the call in the cold half took it */
    assert_value(moment_at(&alone, 0x15c9), RSI, "rsi");
    assert_value(moment_at(&joined, 0x15cc), RAX, "rdi");
    code_flow_free(&joined);
    code_flow_free(&alone);
}

static void computing(void **state)
{
    struct code_flow code = function_at(0x1640);
    struct moment end = moment_at(&code, 0x1686);

    (void)state;
    assert_value(end, RAX, "thread");
    assert_value(end, RCX, "0xfffffffffffffff8");
    assert_value(end, RDX, "?");
    assert_value(end, R8, "rdi"); /* + 0x10 + 8 - 0x18 */
    assert_value(end, R9, "rdi+rsi*8+0x8");
    assert_value(end, R10, "(rdi & -4)");
    assert_value(end, R11, "0x123456789abcdef0");
    assert_value(end, RSI, "rdi");
    assert_value(moment_at(&code, 0x1684), RDI, "(rsi | 3)");
    assert_value(end, RDI, "?"); /* half of it is gone */
    assert_value(end, RBX, "0x30c0");
    assert_place(flow_find(code.flow, &end.state, end.state.at[RBX], 0), "0x30c0");
    code_flow_free(&code);
}

/* A function of many blocks that each lead to the one before: it takes a round for each, and ends all the
 * same. */
static void many_rounds(void **state)
{
    enum { JUMPS = 200, START = 0x1000 };
    char bytes[5 + 1 + 2 * JUMPS] = {'\xe9', (char)(2 * JUMPS - 1), (2 * JUMPS - 1) >> 8, 0, 0, '\xc3'};
    struct code_piece chain[] = {{START, bytes, sizeof(bytes), 8}, END_OF_CODE};
    struct code_flow code;

    (void)state;
    memcpy(bytes + 6, "\xeb\xfd", 2); /* to the ret at 1005 */
    for (int i = 1; i < JUMPS; i++)
        memcpy(bytes + 6 + 2 * i, "\xeb\xfc", 2); /* to the jump before */
    code = code_flow_new(chain, NULL, START, 0);
    assert_true(moment_at(&code, START + 5).reached);
    assert_true(moment_at(&code, START + 6).reached);
    code_flow_free(&code);
}

static void undecodable(void **state)
{
    static const struct code_piece broken[] = {CODE(0x1000, "\x90\x06\xc3"), END_OF_CODE};
    struct elf_file *file = code_file(broken, NULL);
    struct decoder *decoder = decoder_new();
    struct code_range *ranges = NULL;

    (void)state;
    arrput(ranges, *elf_file_code_at(file, 0x1000));
    assert_null(unit_build(file, decoder, ranges));
    unit_free(NULL);
    flow_free(NULL);
    decoder_free(decoder);
    elf_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_are_saved),
        cmocka_unit_test(frame_pointer),
        cmocka_unit_test(partial_writes),
        cmocka_unit_test(address_taken),
        cmocka_unit_test(string_instructions_write),
        cmocka_unit_test(calls_write_below),
        cmocka_unit_test(red_zone_holds),
        cmocka_unit_test(slot_of_one_way),
        cmocka_unit_test(walking_pointer),
        cmocka_unit_test(walking_from_the_start),
        cmocka_unit_test(ways_meet),
        cmocka_unit_test(switches),
        cmocka_unit_test(unknown_ways),
        cmocka_unit_test(cold_half),
        cmocka_unit_test(computing),
        cmocka_unit_test(many_rounds),
        cmocka_unit_test(undecodable),
    };

    return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}

/* The function that nearly every shared decrement goes through, as two compilers make it. */
#ifndef HOTREF_TESTS_CODE_DECREF_H
#define HOTREF_TESTS_CODE_DECREF_H

/* gcc: one loop, and another exchange for the hand-off to the owner, which 1100 is for. */
enum { GCC_DECREF = 0x1000, GCC_EXCHANGE = 0x1012, GCC_HAND_OFF = 0x1035 };

static const char gcc_decref[] = "\x48\x8b\x47\x10"                     /* 1000: mov 0x10(%rdi),%rax */
                                 "\x48\x8d\x57\x10"                     /* 1004: lea 0x10(%rdi),%rdx */
                                 "\x48\x83\xf8\x01"                     /* 1008: cmp $0x1,%rax */
                                 "\x76\x22"                             /* 100c: jbe 1030 */
                                 "\x48\x8d\x48\xfc"                     /* 100e: lea -0x4(%rax),%rcx */
                                 "\xf0\x48\x0f\xb1\x0a"                 /* 1012: lock cmpxchg %rcx,(%rdx) */
                                 "\x75\xef"                             /* 1017: jne 1008 */
                                 "\x48\x83\xf9\x03"                     /* 1019: cmp $0x3,%rcx */
                                 "\x74\x01"                             /* 101d: je 1020 */
                                 "\xc3"                                 /* 101f: ret */
                                 "\x48\x8b\x47\x18"                     /* 1020: mov 0x18(%rdi),%rax */
                                 "\xff\x60\x40"                         /* 1024: jmp *0x40(%rax) */
                                 "\x66\x0f\x1f\x84\x00\x00\x00\x00\x00" /* 1027: nopw 0x0(%rax,%rax,1) */
                                 "\xb9\x02\x00\x00\x00"                 /* 1030: mov $0x2,%ecx */
                                 "\xf0\x48\x0f\xb1\x0a"                 /* 1035: lock cmpxchg %rcx,(%rdx) */
                                 "\x75\xcc"                             /* 103a: jne 1008 */
                                 "\xe9\xbf\x00\x00\x00";                /* 103c: jmp 1100 */

/* clang: the loop's first round peeled off, either new value chosen by a conditional move, and a frame around
 * it. */
enum { CLANG_DECREF = 0x1080, CLANG_FIRST = 0x109f, CLANG_AGAIN = 0x10bb };

static const char clang_decref[] = "\x41\x56"                 /* 1080: push %r14 */
                                   "\x53"                     /* 1082: push %rbx */
                                   "\x50"                     /* 1083: push %rax */
                                   "\x48\x89\xfb"             /* 1084: mov %rdi,%rbx */
                                   "\x48\x8b\x47\x10"         /* 1087: mov 0x10(%rdi),%rax */
                                   "\x48\x8d\x48\xfc"         /* 108b: lea -0x4(%rax),%rcx */
                                   "\x48\x83\xf8\x02"         /* 108f: cmp $0x2,%rax */
                                   "\x0f\x92\xc2"             /* 1093: setb %dl */
                                   "\xbe\x02\x00\x00\x00"     /* 1096: mov $0x2,%esi */
                                   "\x48\x0f\x42\xce"         /* 109b: cmovb %rsi,%rcx */
                                   "\xf0\x48\x0f\xb1\x4f\x10" /* 109f: lock cmpxchg %rcx,0x10(%rdi) */
                                   "\x74\x1c"                 /* 10a5: je 10c3 */
                                   "\x66\x0f\x1f\x04\x00"     /* 10a7: nopw (%rax,%rax,1) */
                                   "\x48\x8d\x48\xfc"         /* 10ac: lea -0x4(%rax),%rcx */
                                   "\x48\x83\xf8\x02"         /* 10b0: cmp $0x2,%rax */
                                   "\x0f\x92\xc2"             /* 10b4: setb %dl */
                                   "\x48\x0f\x42\xce"         /* 10b7: cmovb %rsi,%rcx */
                                   "\xf0\x48\x0f\xb1\x4b\x10" /* 10bb: lock cmpxchg %rcx,0x10(%rbx) */
                                   "\x75\xe9"                 /* 10c1: jne 10ac */
                                   "\x84\xd2"                 /* 10c3: test %dl,%dl */
                                   "\x74\x0f"                 /* 10c5: je 10d6 */
                                   "\x48\x89\xdf"             /* 10c7: mov %rbx,%rdi */
                                   "\x48\x83\xc4\x08"         /* 10ca: add $0x8,%rsp */
                                   "\x5b"                     /* 10ce: pop %rbx */
                                   "\x41\x5e"                 /* 10cf: pop %r14 */
                                   "\xe9\x2a\x00\x00\x00"     /* 10d1: jmp 1100 */
                                   "\x48\x83\xc4\x08"         /* 10d6: add $0x8,%rsp */
                                   "\x5b"                     /* 10da: pop %rbx */
                                   "\x41\x5e"                 /* 10db: pop %r14 */
                                   "\xc3";                    /* 10dd: ret */

#endif

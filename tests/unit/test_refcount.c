/* What an atomic means for a reference count, and where the object came from, in the shapes that compilers
 * make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "code_decref.h"
#include "code_flow.h"
#include "probe/refcount.h"

/* Exchanges and additions. 1140 gives back an object; a static one stands at 3100. */

static const char clone[] = "\x41\x54"             /* 1200: push %r12 */
                            "\x53"                 /* 1202: push %rbx */
                            "\x48\x83\xec\x08"     /* 1203: sub $0x8,%rsp */
                            "\x49\x89\xfc"         /* 1207: mov %rdi,%r12 */
                            "\xe8\x31\xff\xff\xff" /* 120a: call 1140 */
                            "\x48\x89\xc3"         /* 120f: mov %rax,%rbx */
                            "\x48\x8d\x70\x10"     /* 1212: lea 0x10(%rax),%rsi */
                            "\x48\x8b\x40\x10"     /* 1216: mov 0x10(%rax),%rax */
                            "\xba\x02\x00\x00\x00" /* 121a: mov $0x2,%edx */
                            "\x48\x83\xf8\x01"     /* 121f: cmp $0x1,%rax */
                            "\x76\x04"             /* 1223: jbe 1229 */
                            "\x48\x8d\x50\xfc"     /* 1225: lea -0x4(%rax),%rdx */
                            "\xf0\x48\x0f\xb1\x16" /* 1229: lock cmpxchg %rdx,(%rsi) */
                            "\x75\xea"             /* 122e: jne 121a */
                            "\x48\x83\xc4\x08"     /* 1230: add $0x8,%rsp */
                            "\x5b"                 /* 1234: pop %rbx */
                            "\x41\x5c"             /* 1235: pop %r12 */
                            "\xc3";                /* 1237: ret */

static const char static_object[] =
    "\x48\x8b\x05\xc9\x1e\x00\x00"             /* 1240: mov 0x1ec9(%rip),%rax # 3110 */
    "\x48\x8d\x50\xfc"                         /* 1247: lea -0x4(%rax),%rdx */
    "\xf0\x48\x0f\xb1\x15\xbc\x1e\x00\x00"     /* 124b: lock cmpxchg %rdx,0x1ebc(%rip) # 3110 */
    "\x75\xf1"                                 /* 1254: jne 1247 */
    "\xf0\x48\x83\x05\xb1\x1e\x00\x00\x04"     /* 1256: lock addq $0x4,0x1eb1(%rip) # 3110 */
    "\xf0\x48\x83\x04\x25\x10\x31\x00\x00\x04" /* 125f: lock addq $0x4,0x3110 */
    "\xc3";                                    /* 1269: ret */

static const char try_gcc[] = "\x48\x8b\x47\x10"         /* 1280: mov 0x10(%rdi),%rax */
                              "\x48\x8d\x48\x04"         /* 1284: lea 0x4(%rax),%rcx */
                              "\x48\x89\xca"             /* 1288: mov %rcx,%rdx */
                              "\x48\x83\xca\x01"         /* 128b: or $0x1,%rdx */
                              "\xa8\x03"                 /* 128f: test $0x3,%al */
                              "\x48\x0f\x45\xd1"         /* 1291: cmovne %rcx,%rdx */
                              "\xf0\x48\x0f\xb1\x57\x10" /* 1295: lock cmpxchg %rdx,0x10(%rdi) */
                              "\x75\xe7"                 /* 129b: jne 1284 */
                              "\x48\x8b\x47\x10"         /* 129d: mov 0x10(%rdi),%rax */
                              "\x48\x85\xc0"             /* 12a1: test %rax,%rax */
                              "\x74\x0c"                 /* 12a4: je 12b2 */
                              "\x48\x8d\x48\x04"         /* 12a6: lea 0x4(%rax),%rcx */
                              "\xf0\x48\x0f\xb1\x4f\x10" /* 12aa: lock cmpxchg %rcx,0x10(%rdi) */
                              "\x75\xef"                 /* 12b0: jne 12a1 */
                              "\xc3";                    /* 12b2: ret */

static const char try_clang[] = "\x48\x8b\x47\x10"         /* 12c0: mov 0x10(%rdi),%rax */
                                "\x48\x8d\x48\x04"         /* 12c4: lea 0x4(%rax),%rcx */
                                "\x31\xd2"                 /* 12c8: xor %edx,%edx */
                                "\xa8\x03"                 /* 12ca: test $0x3,%al */
                                "\x0f\x94\xc2"             /* 12cc: sete %dl */
                                "\x48\x09\xca"             /* 12cf: or %rcx,%rdx */
                                "\xf0\x48\x0f\xb1\x57\x10" /* 12d2: lock cmpxchg %rdx,0x10(%rdi) */
                                "\x75\xea"                 /* 12d8: jne 12c4 */
                                "\x48\x8b\x47\x10"         /* 12da: mov 0x10(%rdi),%rax */
                                "\x48\x8d\x48\x04"         /* 12de: lea 0x4(%rax),%rcx */
                                "\x31\xd2"                 /* 12e2: xor %edx,%edx */
                                "\xa8\x03"                 /* 12e4: test $0x3,%al */
                                "\x0f\x94\xc2"             /* 12e6: sete %dl */
                                "\x48\x09\xd1"             /* 12e9: or %rdx,%rcx */
                                "\xf0\x48\x0f\xb1\x4f\x10" /* 12ec: lock cmpxchg %rcx,0x10(%rdi) */
                                "\x75\xea"                 /* 12f2: jne 12de */
                                "\xc3";                    /* 12f4: ret */

static const char increment[] = "\x8b\x43\x0c"                         /* 1300: mov 0xc(%rbx),%eax */
                                "\x83\xc0\x01"                         /* 1303: add $0x1,%eax */
                                "\x74\x19"                             /* 1306: je 1321 */
                                "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1308: mov %fs:0x0,%rdx */
                                "\x48\x39\x13"                         /* 1311: cmp %rdx,(%rbx) */
                                "\x74\x08"                             /* 1314: je 131e */
                                "\xf0\x48\x83\x43\x10\x04"             /* 1316: lock addq $0x4,0x10(%rbx) */
                                "\xeb\x03"                             /* 131c: jmp 1321 */
                                "\x89\x43\x0c"                         /* 131e: mov %eax,0xc(%rbx) */
                                "\x48\x8d\x4f\x10"                     /* 1321: lea 0x10(%rdi),%rcx */
                                "\xf0\x48\x83\x01\x04"                 /* 1325: lock addq $0x4,(%rcx) */
                                "\xc3";                                /* 132a: ret */

static const char flags[] = "\x48\x8b\x47\x10"         /* 1340: mov 0x10(%rdi),%rax */
                            "\x48\x89\xc1"             /* 1344: mov %rax,%rcx */
                            "\x48\x83\xc9\x01"         /* 1347: or $0x1,%rcx */
                            "\xf0\x48\x0f\xb1\x4f\x10" /* 134b: lock cmpxchg %rcx,0x10(%rdi) */
                            "\x75\xf1"                 /* 1351: jne 1344 */
                            "\x48\x8b\x47\x10"         /* 1353: mov 0x10(%rdi),%rax */
                            "\x48\x89\xc1"             /* 1357: mov %rax,%rcx */
                            "\x48\x83\xe1\xfc"         /* 135a: and $0xfffffffffffffffc,%rcx */
                            "\x48\x83\xc9\x02"         /* 135e: or $0x2,%rcx */
                            "\xf0\x48\x0f\xb1\x4f\x10" /* 1362: lock cmpxchg %rcx,0x10(%rdi) */
                            "\x75\xed"                 /* 1368: jne 1357 */
                            "\x48\x8b\x47\x10"         /* 136a: mov 0x10(%rdi),%rax */
                            "\x48\x89\xc1"             /* 136e: mov %rax,%rcx */
                            "\x48\x83\xc9\x03"         /* 1371: or $0x3,%rcx */
                            "\xf0\x48\x0f\xb1\x4f\x10" /* 1375: lock cmpxchg %rcx,0x10(%rdi) */
                            "\x75\xf1"                 /* 137b: jne 136e */
                            "\xc3";                    /* 137d: ret */

static const char merges[] = "\x8b\x77\x0c"                     /* 1380: mov 0xc(%rdi),%esi */
                             "\x48\x8b\x47\x10"                 /* 1383: mov 0x10(%rdi),%rax */
                             "\x48\x89\xc2"                     /* 1387: mov %rax,%rdx */
                             "\x48\xc1\xfa\x02"                 /* 138a: sar $0x2,%rdx */
                             "\x48\x01\xf2"                     /* 138e: add %rsi,%rdx */
                             "\x48\x8d\x0c\x95\x03\x00\x00\x00" /* 1391: lea 0x3(,%rdx,4),%rcx */
                             "\xf0\x48\x0f\xb1\x4f\x10"         /* 1399: lock cmpxchg %rcx,0x10(%rdi) */
                             "\x75\xe6"                         /* 139f: jne 1387 */
                             "\x48\x8b\x47\x10"                 /* 13a1: mov 0x10(%rdi),%rax */
                             "\x48\x89\xc1"                     /* 13a5: mov %rax,%rcx */
                             "\x48\x01\xf1"                     /* 13a8: add %rsi,%rcx */
                             "\x48\x83\xc9\x03"                 /* 13ab: or $0x3,%rcx */
                             "\xf0\x48\x0f\xb1\x4f\x10"         /* 13af: lock cmpxchg %rcx,0x10(%rdi) */
                             "\x75\xee"                         /* 13b5: jne 13a5 */
                             "\xb9\x03\x00\x00\x00"             /* 13b7: mov $0x3,%ecx */
                             "\x48\x8b\x47\x10"                 /* 13bc: mov 0x10(%rdi),%rax */
                             "\xf0\x48\x0f\xb1\x4f\x10"         /* 13c0: lock cmpxchg %rcx,0x10(%rdi) */
                             "\xc3";                            /* 13c6: ret */

static const char others[] =
    "\x31\xc0"                                     /* 1400: xor %eax,%eax */
    "\xba\x01\x00\x00\x00"                         /* 1402: mov $0x1,%edx */
    "\xf0\x0f\xb0\x57\x0a"                         /* 1407: lock cmpxchg %dl,0xa(%rdi) */
    "\xf0\x83\x47\x10\x04"                         /* 140c: lock addl $0x4,0x10(%rdi) */
    "\xf0\x48\x83\x47\x18\x04"                     /* 1411: lock addq $0x4,0x18(%rdi) */
    "\xf0\x48\x83\x44\xf7\x10\x04"                 /* 1417: lock addq $0x4,0x10(%rdi,%rsi,8) */
    "\xf0\x48\x83\x47\x10\x08"                     /* 141e: lock addq $0x8,0x10(%rdi) */
    "\xf0\x48\x83\x6f\x10\x04"                     /* 1424: lock subq $0x4,0x10(%rdi) */
    "\xf0\x48\x01\x77\x10"                         /* 142a: lock add %rsi,0x10(%rdi) */
    "\xb9\x04\x00\x00\x00"                         /* 142f: mov $0x4,%ecx */
    "\xf0\x48\x0f\xc1\x4f\x10"                     /* 1434: lock xadd %rcx,0x10(%rdi) */
    "\xf0\x48\xff\x47\x10"                         /* 143a: lock incq 0x10(%rdi) */
    "\x48\x8b\x47\x10"                             /* 143f: mov 0x10(%rdi),%rax */
    "\xf0\x48\x0f\xb1\x77\x10"                     /* 1443: lock cmpxchg %rsi,0x10(%rdi) */
    "\x48\x87\x77\x10"                             /* 1449: xchg %rsi,0x10(%rdi) */
    "\x64\xf0\x48\x83\x04\x25\x10\x00\x00\x00\x04" /* 144d: lock addq $0x4,%fs:0x10 */
    "\xc3";                                        /* 1458: ret */

static const char either[] = "\x48\x8b\x47\x10"         /* 1480: mov 0x10(%rdi),%rax */
                             "\x48\x8d\x50\x04"         /* 1484: lea 0x4(%rax),%rdx */
                             "\x48\x83\xf8\x01"         /* 1488: cmp $0x1,%rax */
                             "\x76\x04"                 /* 148c: jbe 1492 */
                             "\x48\x8d\x50\xfc"         /* 148e: lea -0x4(%rax),%rdx */
                             "\xf0\x48\x0f\xb1\x57\x10" /* 1492: lock cmpxchg %rdx,0x10(%rdi) */
                             "\x75\xea"                 /* 1498: jne 1484 */
                             "\x48\x8d\x50\xf8"         /* 149a: lea -0x8(%rax),%rdx */
                             "\xf0\x48\x0f\xb1\x57\x10" /* 149e: lock cmpxchg %rdx,0x10(%rdi) */
                             "\x48\x8d\x50\xfc"         /* 14a4: lea -0x4(%rax),%rdx */
                             "\x48\x83\xca\x01"         /* 14a8: or $0x1,%rdx */
                             "\xf0\x48\x0f\xb1\x57\x10" /* 14ac: lock cmpxchg %rdx,0x10(%rdi) */
                             "\x48\x8d\x56\xfc"         /* 14b2: lea -0x4(%rsi),%rdx */
                             "\xf0\x48\x0f\xb1\x57\x10" /* 14b6: lock cmpxchg %rdx,0x10(%rdi) */
                             "\xc3";                    /* 14bc: ret */

/* References dropped by a call of 1000, whose argument came from somewhere. Variables stand at 3200 and 3208.
 */

static const char fields[] = "\x55"                             /* 1600: push %rbp */
                             "\x53"                             /* 1601: push %rbx */
                             "\x48\x83\xec\x08"                 /* 1602: sub $0x8,%rsp */
                             "\x48\x89\xfb"                     /* 1606: mov %rdi,%rbx */
                             "\x48\x8b\x7f\x20"                 /* 1609: mov 0x20(%rdi),%rdi */
                             "\xe8\xee\xf9\xff\xff"             /* 160d: call 1000 */
                             "\x48\x8b\x7b\x28"                 /* 1612: mov 0x28(%rbx),%rdi */
                             "\x48\xc7\x43\x28\x00\x00\x00\x00" /* 1616: movq $0x0,0x28(%rbx) */
                             "\xe8\xdd\xf9\xff\xff"             /* 161e: call 1000 */
                             "\x48\x8b\x6b\x40"                 /* 1623: mov 0x40(%rbx),%rbp */
                             "\x48\x89\xef"                     /* 1627: mov %rbp,%rdi */
                             "\xe8\xd1\xf9\xff\xff"             /* 162a: call 1000 */
                             "\x48\x8b\x7d\x18"                 /* 162f: mov 0x18(%rbp),%rdi */
                             "\xe8\xc8\xf9\xff\xff"             /* 1633: call 1000 */
                             "\x48\x8b\x7b\x50"                 /* 1638: mov 0x50(%rbx),%rdi */
                             "\x48\x83\xe7\xfc"                 /* 163c: and $0xfffffffffffffffc,%rdi */
                             "\xe8\xbb\xf9\xff\xff"             /* 1640: call 1000 */
                             "\x48\x8b\x43\x58"                 /* 1645: mov 0x58(%rbx),%rax */
                             "\x48\x83\xe0\xf8"                 /* 1649: and $0xfffffffffffffff8,%rax */
                             "\x48\x8b\x78\x30"                 /* 164d: mov 0x30(%rax),%rdi */
                             "\xe8\xaa\xf9\xff\xff"             /* 1651: call 1000 */
                             "\x48\x83\xc4\x08"                 /* 1656: add $0x8,%rsp */
                             "\x5b"                             /* 165a: pop %rbx */
                             "\x5d"                             /* 165b: pop %rbp */
                             "\xc3";                            /* 165c: ret */

static const char spilled[] = "\x48\x83\xec\x18"     /* 1680: sub $0x18,%rsp */
                              "\x48\x89\x7c\x24\x08" /* 1684: mov %rdi,0x8(%rsp) */
                              "\xe8\xb2\xfa\xff\xff" /* 1689: call 1140 */
                              "\x48\x8b\x44\x24\x08" /* 168e: mov 0x8(%rsp),%rax */
                              "\x48\x8b\x78\x28"     /* 1693: mov 0x28(%rax),%rdi */
                              "\xe8\x64\xf9\xff\xff" /* 1697: call 1000 */
                              "\x48\x83\xc4\x18"     /* 169c: add $0x18,%rsp */
                              "\xc3";                /* 16a0: ret */

static const char lost[] = "\x48\x83\xec\x08"     /* 16c0: sub $0x8,%rsp */
                           "\x48\x89\xf8"         /* 16c4: mov %rdi,%rax */
                           "\x48\x8b\x78\x28"     /* 16c7: mov 0x28(%rax),%rdi */
                           "\xe8\x30\xf9\xff\xff" /* 16cb: call 1000 */
                           "\x48\x83\xc4\x08"     /* 16d0: add $0x8,%rsp */
                           "\xc3";                /* 16d4: ret */

static const char out_parameter[] = "\x53"                 /* 1700: push %rbx */
                                    "\x48\x83\xec\x10"     /* 1701: sub $0x10,%rsp */
                                    "\x48\x89\xfb"         /* 1705: mov %rdi,%rbx */
                                    "\x48\x8b\x43\x20"     /* 1708: mov 0x20(%rbx),%rax */
                                    "\x48\x89\x44\x24\x08" /* 170c: mov %rax,0x8(%rsp) */
                                    "\x48\x8d\x7c\x24\x08" /* 1711: lea 0x8(%rsp),%rdi */
                                    "\xe8\x25\xfa\xff\xff" /* 1716: call 1140 */
                                    "\x48\x8b\x7c\x24\x08" /* 171b: mov 0x8(%rsp),%rdi */
                                    "\x48\x85\xff"         /* 1720: test %rdi,%rdi */
                                    "\x74\x05"             /* 1723: je 172a */
                                    "\xe8\xd6\xf8\xff\xff" /* 1725: call 1000 */
                                    "\x48\x83\xc4\x10"     /* 172a: add $0x10,%rsp */
                                    "\x5b"                 /* 172e: pop %rbx */
                                    "\xc3";                /* 172f: ret */

static const char items[] = "\x41\x54"             /* 1740: push %r12 */
                            "\x55"                 /* 1742: push %rbp */
                            "\x53"                 /* 1743: push %rbx */
                            "\x48\x89\xfb"         /* 1744: mov %rdi,%rbx */
                            "\x4c\x8b\x67\x20"     /* 1747: mov 0x20(%rdi),%r12 */
                            "\x48\x8b\x43\x28"     /* 174b: mov 0x28(%rbx),%rax */
                            "\x4a\x8b\x7c\xe0\xf8" /* 174f: mov -0x8(%rax,%r12,8),%rdi */
                            "\xe8\xa7\xf8\xff\xff" /* 1754: call 1000 */
                            "\x4a\x8b\x7c\xe3\x30" /* 1759: mov 0x30(%rbx,%r12,8),%rdi */
                            "\xe8\x9d\xf8\xff\xff" /* 175e: call 1000 */
                            "\x48\x8b\x43\x28"     /* 1763: mov 0x28(%rbx),%rax */
                            "\x48\x8b\x38"         /* 1767: mov (%rax),%rdi */
                            "\xe8\x91\xf8\xff\xff" /* 176a: call 1000 */
                            "\x48\x8b\x43\x28"     /* 176f: mov 0x28(%rbx),%rax */
                            "\x48\x8b\x78\x18"     /* 1773: mov 0x18(%rax),%rdi */
                            "\xe8\x84\xf8\xff\xff" /* 1777: call 1000 */
                            "\x48\x8d\x6b\x30"     /* 177c: lea 0x30(%rbx),%rbp */
                            "\x4a\x8b\x7c\xe5\x00" /* 1780: mov 0x0(%rbp,%r12,8),%rdi */
                            "\xe8\x76\xf8\xff\xff" /* 1785: call 1000 */
                            "\x49\x83\xec\x01"     /* 178a: sub $0x1,%r12 */
                            "\x75\xbb"             /* 178e: jne 174b */
                            "\x5b"                 /* 1790: pop %rbx */
                            "\x5d"                 /* 1791: pop %rbp */
                            "\x41\x5c"             /* 1792: pop %r12 */
                            "\xc3";                /* 1794: ret */

static const char tuple_walk[] = "\x41\x54"             /* 17c0: push %r12 */
                                 "\x55"                 /* 17c2: push %rbp */
                                 "\x53"                 /* 17c3: push %rbx */
                                 "\x49\x89\xfc"         /* 17c4: mov %rdi,%r12 */
                                 "\x48\x8b\x47\x20"     /* 17c7: mov 0x20(%rdi),%rax */
                                 "\x48\x8d\x5f\x30"     /* 17cb: lea 0x30(%rdi),%rbx */
                                 "\x48\x8d\x6c\xc7\x30" /* 17cf: lea 0x30(%rdi,%rax,8),%rbp */
                                 "\x48\x85\xc0"         /* 17d4: test %rax,%rax */
                                 "\x7f\x07"             /* 17d7: jg 17e0 */
                                 "\x5b"                 /* 17d9: pop %rbx */
                                 "\x5d"                 /* 17da: pop %rbp */
                                 "\x41\x5c"             /* 17db: pop %r12 */
                                 "\xc3"                 /* 17dd: ret */
                                 "\x66\x90"             /* 17de: xchg %ax,%ax */
                                 "\x48\x8b\x3b"         /* 17e0: mov (%rbx),%rdi */
                                 "\xe8\x18\xf8\xff\xff" /* 17e3: call 1000 */
                                 "\x48\x83\xc3\x08"     /* 17e8: add $0x8,%rbx */
                                 "\x48\x39\xdd"         /* 17ec: cmp %rbx,%rbp */
                                 "\x75\xef"             /* 17ef: jne 17e0 */
                                 "\x5b"                 /* 17f1: pop %rbx */
                                 "\x5d"                 /* 17f2: pop %rbp */
                                 "\x41\x5c"             /* 17f3: pop %r12 */
                                 "\xc3";                /* 17f5: ret */

static const char list_walk[] = "\x41\x54"                         /* 1800: push %r12 */
                                "\x55"                             /* 1802: push %rbp */
                                "\x53"                             /* 1803: push %rbx */
                                "\x49\x89\xfc"                     /* 1804: mov %rdi,%r12 */
                                "\x48\x8b\x5f\x28"                 /* 1807: mov 0x28(%rdi),%rbx */
                                "\x48\x89\xf5"                     /* 180b: mov %rsi,%rbp */
                                "\x48\x85\xf6"                     /* 180e: test %rsi,%rsi */
                                "\x75\x0d"                         /* 1811: jne 1820 */
                                "\x5b"                             /* 1813: pop %rbx */
                                "\x5d"                             /* 1814: pop %rbp */
                                "\x41\x5c"                         /* 1815: pop %r12 */
                                "\xc3"                             /* 1817: ret */
                                "\x0f\x1f\x84\x00\x00\x00\x00\x00" /* 1818: nopl 0x0(%rax,%rax,1) */
                                "\x48\x8b\x3b"                     /* 1820: mov (%rbx),%rdi */
                                "\xe8\xd8\xf7\xff\xff"             /* 1823: call 1000 */
                                "\x48\x83\xc3\x08"                 /* 1828: add $0x8,%rbx */
                                "\x48\x39\xdd"                     /* 182c: cmp %rbx,%rbp */
                                "\x75\xef"                         /* 182f: jne 1820 */
                                "\x5b"                             /* 1831: pop %rbx */
                                "\x5d"                             /* 1832: pop %rbp */
                                "\x41\x5c"                         /* 1833: pop %r12 */
                                "\xc3";                            /* 1835: ret */

static const char origins[] = "\x53"                                 /* 1840: push %rbx */
                              "\x48\x89\xf3"                         /* 1841: mov %rsi,%rbx */
                              "\xe8\xb7\xf7\xff\xff"                 /* 1844: call 1000 */
                              "\xe8\xf2\xf8\xff\xff"                 /* 1849: call 1140 */
                              "\x48\x89\xc7"                         /* 184e: mov %rax,%rdi */
                              "\xe8\xaa\xf7\xff\xff"                 /* 1851: call 1000 */
                              "\x48\x89\xdf"                         /* 1856: mov %rbx,%rdi */
                              "\xe8\xa2\xf7\xff\xff"                 /* 1859: call 1000 */
                              "\x48\x8b\x3d\x9b\x19\x00\x00"         /* 185e: mov 0x199b(%rip),%rdi # 3200 */
                              "\xe8\x96\xf7\xff\xff"                 /* 1865: call 1000 */
                              "\xff\xd3"                             /* 186a: call *%rbx */
                              "\x48\x89\xc7"                         /* 186c: mov %rax,%rdi */
                              "\xe8\x8c\xf7\xff\xff"                 /* 186f: call 1000 */
                              "\x31\xff"                             /* 1874: xor %edi,%edi */
                              "\xe8\x85\xf7\xff\xff"                 /* 1876: call 1000 */
                              "\x48\x8d\x3d\x7e\x18\x00\x00"         /* 187b: lea 0x187e(%rip),%rdi # 3100 */
                              "\xe8\x79\xf7\xff\xff"                 /* 1882: call 1000 */
                              "\x48\x8b\x05\x7a\x19\x00\x00"         /* 1887: mov 0x197a(%rip),%rax # 3208 */
                              "\x48\x8b\x78\x38"                     /* 188e: mov 0x38(%rax),%rdi */
                              "\xe8\x69\xf7\xff\xff"                 /* 1892: call 1000 */
                              "\x64\x48\x8b\x3c\x25\x20\x00\x00\x00" /* 1897: mov %fs:0x20,%rdi */
                              "\xe8\x5b\xf7\xff\xff"                 /* 18a0: call 1000 */
                              "\x48\x89\xef"                         /* 18a5: mov %rbp,%rdi */
                              "\xe8\x53\xf7\xff\xff"                 /* 18a8: call 1000 */
                              "\x48\x8d\x1d\x4c\x18\x00\x00"         /* 18ad: lea 0x184c(%rip),%rbx # 3100 */
                              "\x48\x8b\x3d\x85\x18\x00\x00"         /* 18b4: mov 0x1885(%rip),%rdi # 3140 */
                              "\xe8\x40\xf7\xff\xff"                 /* 18bb: call 1000 */
                              "\x5b"                                 /* 18c0: pop %rbx */
                              "\xc3";                                /* 18c1: ret */

static const char two_ways[] = "\x53"                 /* 1900: push %rbx */
                               "\x48\x89\xfb"         /* 1901: mov %rdi,%rbx */
                               "\x48\x8b\x7f\x20"     /* 1904: mov 0x20(%rdi),%rdi */
                               "\x48\x85\xf6"         /* 1908: test %rsi,%rsi */
                               "\x74\x04"             /* 190b: je 1911 */
                               "\x48\x8b\x7b\x28"     /* 190d: mov 0x28(%rbx),%rdi */
                               "\xe8\xea\xf6\xff\xff" /* 1911: call 1000 */
                               "\x48\x8b\x7b\x20"     /* 1916: mov 0x20(%rbx),%rdi */
                               "\x48\x8b\x43\x28"     /* 191a: mov 0x28(%rbx),%rax */
                               "\x48\x85\xc0"         /* 191e: test %rax,%rax */
                               "\x48\x0f\x44\xf8"     /* 1921: cmove %rax,%rdi */
                               "\xe8\xd6\xf6\xff\xff" /* 1925: call 1000 */
                               "\x5b"                 /* 192a: pop %rbx */
                               "\xc3";                /* 192b: ret */

/* clang 19 keeps the old count and the new one side by side through the loop. */
static const char rotated[] = "\x48\x8b\x47\x10"         /* 1940: mov 0x10(%rdi),%rax */
                              "\x48\x8d\x48\xfc"         /* 1944: lea -0x4(%rax),%rcx */
                              "\x48\x83\xf8\x02"         /* 1948: cmp $0x2,%rax */
                              "\xba\x02\x00\x00\x00"     /* 194c: mov $0x2,%edx */
                              "\x49\x89\xc8"             /* 1951: mov %rcx,%r8 */
                              "\x4c\x0f\x42\xc2"         /* 1954: cmovb %rdx,%r8 */
                              "\xf0\x4c\x0f\xb1\x47\x10" /* 1958: lock cmpxchg %r8,0x10(%rdi) */
                              "\x74\x0a"                 /* 195e: je 196a */
                              "\x48\x8d\x48\xfc"         /* 1960: lea -0x4(%rax),%rcx */
                              "\x48\x83\xf8\x02"         /* 1964: cmp $0x2,%rax */
                              "\xeb\xe7"                 /* 1968: jmp 1951 */
                              "\xc3";                    /* 196a: ret */

/* It adds the weak-reference flag as a carry. */
static const char carried[] = "\x48\x8b\x47\x10"         /* 1980: mov 0x10(%rdi),%rax */
                              "\x48\x89\xc1"             /* 1984: mov %rax,%rcx */
                              "\x89\xc2"                 /* 1987: mov %eax,%edx */
                              "\x83\xe2\x03"             /* 1989: and $0x3,%edx */
                              "\x48\x83\xfa\x01"         /* 198c: cmp $0x1,%rdx */
                              "\x48\x83\xd1\x04"         /* 1990: adc $0x4,%rcx */
                              "\xf0\x48\x0f\xb1\x4f\x10" /* 1994: lock cmpxchg %rcx,0x10(%rdi) */
                              "\x75\xe4"                 /* 199a: jne 1980 */
                              "\xc3";                    /* 199c: ret */

/* A way that comes from behind, and one that comes round again: the retries look at the same address all the while. */
static const char from_behind[] = "\x48\x8b\x47\x20"     /* 19c0: mov 0x20(%rdi),%rax */
                                  "\x48\x85\xc0"         /* 19c4: test %rax,%rax */
                                  "\x74\x14"             /* 19c7: je 19dd */
                                  "\x48\x8d\x48\x10"     /* 19c9: lea 0x10(%rax),%rcx */
                                  "\x48\x8b\x40\x10"     /* 19cd: mov 0x10(%rax),%rax */
                                  "\x48\x8d\x50\xfc"     /* 19d1: lea -0x4(%rax),%rdx */
                                  "\xf0\x48\x0f\xb1\x11" /* 19d5: lock cmpxchg %rdx,(%rcx) */
                                  "\x75\xf5"             /* 19da: jne 19d1 */
                                  "\xc3"                 /* 19dc: ret */
                                  "\x48\x8b\x47\x28"     /* 19dd: mov 0x28(%rdi),%rax */
                                  "\xeb\xe6";            /* 19e1: jmp 19c9 */

static const char in_a_loop[] = "\x48\x8d\x4f\x10"     /* 1a00: lea 0x10(%rdi),%rcx */
                                "\x48\x8b\x47\x10"     /* 1a04: mov 0x10(%rdi),%rax */
                                "\x48\x8d\x50\xfc"     /* 1a08: lea -0x4(%rax),%rdx */
                                "\xf0\x48\x0f\xb1\x11" /* 1a0c: lock cmpxchg %rdx,(%rcx) */
                                "\x75\xf5"             /* 1a11: jne 1a08 */
                                "\x48\x8b\x7f\x20"     /* 1a13: mov 0x20(%rdi),%rdi */
                                "\x48\x85\xff"         /* 1a17: test %rdi,%rdi */
                                "\x75\xe4"             /* 1a1a: jne 1a00 */
                                "\xc3";                /* 1a1c: ret */

/* A frame's variables, from the top of its stack down, as 3.14 clears them. */
static const char frame_walk[] = "\x41\x54"             /* 1a80: push %r12 */
                                 "\x55"                 /* 1a82: push %rbp */
                                 "\x53"                 /* 1a83: push %rbx */
                                 "\x49\x89\xfc"         /* 1a84: mov %rdi,%r12 */
                                 "\x48\x8d\x6f\x50"     /* 1a87: lea 0x50(%rdi),%rbp */
                                 "\x48\x8b\x5f\x40"     /* 1a8b: mov 0x40(%rdi),%rbx */
                                 "\x48\x39\xdd"         /* 1a8f: cmp %rbx,%rbp */
                                 "\x73\x12"             /* 1a92: jae 1aa6 */
                                 "\x48\x8b\x7b\xf8"     /* 1a94: mov -0x8(%rbx),%rdi */
                                 "\x48\x83\xeb\x08"     /* 1a98: sub $0x8,%rbx */
                                 "\xe8\x5f\xf5\xff\xff" /* 1a9c: call 1000 */
                                 "\x48\x39\xdd"         /* 1aa1: cmp %rbx,%rbp */
                                 "\x72\xee"             /* 1aa4: jb 1a94 */
                                 "\x5b"                 /* 1aa6: pop %rbx */
                                 "\x5d"                 /* 1aa7: pop %rbp */
                                 "\x41\x5c"             /* 1aa8: pop %r12 */
                                 "\xc3";                /* 1aaa: ret */

static const struct code_piece pieces[] = {
    CODE(GCC_DECREF, gcc_decref),
    CODE(CLANG_DECREF, clang_decref),
    CODE(0x1200, clone),
    CODE(0x1240, static_object),
    CODE(0x1280, try_gcc),
    CODE(0x12c0, try_clang),
    CODE(0x1300, increment),
    CODE(0x1340, flags),
    CODE(0x1380, merges),
    CODE(0x1400, others),
    CODE(0x1480, either),
    CODE(0x1600, fields),
    CODE(0x1680, spilled),
    CODE(0x16c0, lost),
    CODE(0x1700, out_parameter),
    CODE(0x1740, items),
    CODE(0x17c0, tuple_walk),
    CODE(0x1800, list_walk),
    CODE(0x1840, origins),
    CODE(0x1900, two_ways),
    CODE(0x1940, rotated),
    CODE(0x1980, carried),
    CODE(0x19c0, from_behind),
    CODE(0x1a00, in_a_loop),
    CODE(0x1a80, frame_walk),
    END_OF_CODE,
};

static struct code_flow function_at(uint64_t entry)
{
    return code_flow_new(pieces, NULL, entry, 0);
}

/* What the atomic at address does, to what: "decrement rdi"; "" for what is on no object. */
static void check_meaning(const struct code_flow *code, uint64_t address, const char *expected)
{
    struct moment moment = moment_at(code, address);
    char object[256] = "", text[512] = "";
    value_id id;

    assert_true(moment.reached);
    assert_int_equal(moment.op.code, OP_ATOMIC);
    id = refcount_object(code->flow, &moment.op, &moment.state);
    if (id) {
        value_text(code->flow, id, object, sizeof(object));
        snprintf(text, sizeof(text), "%s %s",
                 operation_name(refcount_meaning(code->flow, &moment.op, &moment.state)), object);
    }
    assert_string_equal(text, expected);
}

/* Where the call at address has its first argument from, for somebody who asks from behind the call. */
static void check_slot(const struct code_flow *code, uint64_t address, const char *expected)
{
    struct moment moment = moment_at(code, address);
    struct slot slot = slot_of(code->flow, &moment.state, moment.state.at[RDI], CALLEE_SAVED);
    char text[256];

    assert_true(moment.reached);
    assert_int_equal(moment.op.code, OP_CALL);
    slot_text(&slot, text, sizeof(text));
    assert_string_equal(text, expected);
}

/* What still counts the items there: a register, by words or by bytes, and how far from it the item is. */
static void check_item(const struct code_flow *code, uint64_t address, enum reg reg, bool indexed, int64_t disp)
{
    struct moment moment = moment_at(code, address);
    struct slot slot = slot_of(code->flow, &moment.state, moment.state.at[RDI], CALLEE_SAVED);

    assert_int_equal(slot.item.kind, PLACE_REG);
    assert_int_equal(slot.item.reg, reg);
    assert_int_equal(slot.item_indexed, indexed);
    assert_int_equal(slot.item_disp, disp);
}

static void check_rule(const struct code_flow *code, uint64_t address, int64_t depth, const char *expected)
{
    struct moment moment = moment_at(code, address);
    struct frame_rule rule = frame_rule_of(code->flow, &moment.state);
    char text[256] = "", where[64];

    for (int i = 0; i < SAVED_REGS; i++) {
        place_text(&rule.saved[i], where, sizeof(where));
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", where);
    }
    assert_int_equal(rule.depth, depth);
    assert_string_equal(text, expected);
}

static void gcc_decrement(void **state)
{
    struct code_flow code = function_at(GCC_DECREF);

    (void)state;
    check_meaning(&code, GCC_EXCHANGE, "decrement rdi");
    check_meaning(&code, GCC_HAND_OFF, "decrement rdi");
    check_rule(&code, GCC_EXCHANGE, 0, "rbx rbp r12 r13 r14 r15");
    code_flow_free(&code);
}

static void clang_decrement(void **state)
{
    struct code_flow code = function_at(CLANG_DECREF);

    (void)state;
    check_meaning(&code, CLANG_FIRST, "decrement rdi");
    check_meaning(&code, CLANG_AGAIN, "decrement rdi");
    check_rule(&code, CLANG_AGAIN, 24, "[rsp+0x8] rbp r12 r13 r14 r15"); /* r14 is pushed, but kept */
    code_flow_free(&code);
}

/* What each way into the loop stores is held against what that way compares. */
static void rotated_decrement(void **state)
{
    struct code_flow code = function_at(0x1940);

    (void)state;
    check_meaning(&code, 0x1958, "decrement rdi");
    code_flow_free(&code);
}

/* Each was lost: what a retry had taken round before the object's pointer differed by its way was taken to differ too. */
static void decrements_in_loops(void **state)
{
    struct code_flow behind = function_at(0x19c0), loop = function_at(0x1a00);

    (void)state;
    check_meaning(&behind, 0x19d5, "decrement phi");
    check_meaning(&loop, 0x1a0c, "decrement phi");
    code_flow_free(&behind);
    code_flow_free(&loop);
}

/* One exchange for both new values, of which a branch chose one. */
static void inlined_decrement(void **state)
{
    struct code_flow code = function_at(0x1200);
    struct moment moment = moment_at(&code, 0x1229);

    (void)state;
    check_meaning(&code, 0x1229, "decrement result(0x1140)");
    assert_value(moment, RDX, "phi");
    check_rule(&code, 0x1229, 24, "[rsp+0x8] rbp [rsp+0x10] r13 r14 r15");
    code_flow_free(&code);
}

/* An object that is a variable: its place in the file is its count's, from which 16 are to be taken. */
static void static_object_counts(void **state)
{
    struct code_flow code = function_at(0x1240);

    (void)state;
    check_meaning(&code, 0x124b, "decrement 0x3110");
    check_meaning(&code, 0x1256, "increment 0x3110");
    check_meaning(&code, 0x125f, "increment 0x3110");
    code_flow_free(&code);
}

static void try_increments(void **state)
{
    struct code_flow gcc = function_at(0x1280), clang = function_at(0x12c0), carry = function_at(0x1980);

    (void)state;
    check_meaning(&carry, 0x1994, "try-increment rdi");
    check_meaning(&gcc, 0x1295, "try-increment rdi");
    check_meaning(&gcc, 0x12aa, "try-increment rdi");
    check_meaning(&clang, 0x12d2, "try-increment rdi");
    check_meaning(&clang, 0x12ec, "try-increment rdi");
    code_flow_free(&gcc);
    code_flow_free(&clang);
    code_flow_free(&carry);
}

static void increments(void **state)
{
    struct code_flow code = function_at(0x1300);

    (void)state;
    check_meaning(&code, 0x1316, "increment rbx");
    check_meaning(&code, 0x1325, "increment rdi");
    code_flow_free(&code);
}

static void flags_and_merges(void **state)
{
    struct code_flow set = function_at(0x1340), merged = function_at(0x1380);

    (void)state;
    check_meaning(&set, 0x134b, "flags rdi");
    check_meaning(&set, 0x1362, "flags rdi");
    check_meaning(&set, 0x1375, "merge rdi"); /* Py_MergeZeroLocalRefcount, of an object that others refer to yet */
    check_meaning(&merged, 0x1399, "merge rdi");
    check_meaning(&merged, 0x13af, "merge rdi");
    check_meaning(&merged, 0x13c0, "merge rdi");
    code_flow_free(&set);
    code_flow_free(&merged);
}

static void what_is_no_count(void **state)
{
    struct code_flow code = function_at(0x1400);

    (void)state;
    check_meaning(&code, 0x1407, ""); /* a mutex: one byte */
    check_meaning(&code, 0x140c, ""); /* 32 bits */
    check_meaning(&code, 0x1411, ""); /* not at 16 */
    check_meaning(&code, 0x1417, ""); /* in an array */
    check_meaning(&code, 0x141e, "foreign rdi");
    check_meaning(&code, 0x1424, "foreign rdi");
    check_meaning(&code, 0x142a, "add rdi");
    check_meaning(&code, 0x1434, "add rdi");
    check_meaning(&code, 0x143a, "unknown rdi");
    check_meaning(&code, 0x1443, "unknown rdi");
    check_meaning(&code, 0x1449, "foreign rdi");
    check_meaning(&code, 0x144d, ""); /* a thread's own */
    code_flow_free(&code);
}

/* Ways that mean two things, a step that is no reference, flags with a step, another word's value. */
static void what_is_not_understood(void **state)
{
    struct code_flow code = function_at(0x1480);

    (void)state;
    check_meaning(&code, 0x1492, "unknown rdi");
    check_meaning(&code, 0x149e, "unknown rdi");
    check_meaning(&code, 0x14ac, "unknown rdi");
    check_meaning(&code, 0x14b6, "unknown rdi");
    code_flow_free(&code);
}

static bool tests_count(const struct code_flow *code, uint64_t address)
{
    struct moment moment = moment_at(code, address);

    return refcount_tested(code->flow, &moment.op, &moment.state) != 0;
}

static void local_counts_are_seen(void **state)
{
    struct code_flow code = function_at(0x1300);

    (void)state;
    assert_true(tests_count(&code, 0x1300));
    assert_true(tests_count(&code, 0x131e));
    assert_false(tests_count(&code, 0x1311)); /* the owner */
    assert_false(tests_count(&code, 0x1316));
    code_flow_free(&code);
}

static void fields_of_a_saved_register(void **state)
{
    struct code_flow code = function_at(0x1600);

    (void)state;
    check_slot(&code, 0x160d, "field rbx+0x20");
    check_slot(&code, 0x161e, "field rbx+0x28");
    check_slot(&code, 0x162a, "field rbx+0x40");
    check_slot(&code, 0x1633, "field rbp+0x18 of rbx+0x40"); /* its type */
    check_slot(&code, 0x1640, "field rbx+0x50");             /* without its tag */
    check_slot(&code, 0x1651, "field nowhere+0x30 of rbx+0x58");
    check_rule(&code, 0x1651, 24, "[rsp+0x8] [rsp+0x10] r12 r13 r14 r15");
    code_flow_free(&code);
}

/* A base survives a call in a stack slot; in a register that the call takes it does not. */
static void fields_of_a_spilled_object(void **state)
{
    struct code_flow spilled_code = function_at(0x1680), lost_code = function_at(0x16c0);

    (void)state;
    check_slot(&spilled_code, 0x1697, "field [rsp+0x8]+0x28");
    check_slot(&lost_code, 0x16cb, "none");
    code_flow_free(&spilled_code);
    code_flow_free(&lost_code);
}

static void out_parameters_are_not_believed(void **state)
{
    struct code_flow code = function_at(0x1700);

    (void)state;
    check_slot(&code, 0x1725, "none");
    code_flow_free(&code);
}

static void items_of_lists_and_tuples(void **state)
{
    struct code_flow code = function_at(0x1740);

    (void)state;
    check_slot(&code, 0x1754, "item nowhere-0x8 of rbx+0x28"); /* ob_item[i - 1] */
    check_slot(&code, 0x175e, "item rbx+0x30");
    check_slot(&code, 0x176a, "field nowhere+0x0 of rbx+0x28"); /* ob_item[0] */
    check_slot(&code, 0x1777, "field nowhere+0x18 of rbx+0x28");
    check_slot(&code, 0x1785, "item rbx+0x30"); /* through a pointer into the tuple */
    code_flow_free(&code);
}

static void items_by_a_walking_pointer(void **state)
{
    struct code_flow tuple = function_at(0x17c0), list = function_at(0x1800);

    (void)state;
    check_slot(&tuple, 0x17e3, "item r12+0x0");
    check_slot(&list, 0x1823, "item nowhere+0x0 of r12+0x28");
    code_flow_free(&tuple);
    code_flow_free(&list);
}

static void which_item_it_is(void **state)
{
    struct code_flow indexed = function_at(0x1740), tuple = function_at(0x17c0), frame = function_at(0x1a80);

    (void)state;
    check_item(&indexed, 0x1754, R12, true, -8);
    check_item(&indexed, 0x1785, R12, true, 0x30);
    check_item(&tuple, 0x17e3, RBX, false, 0);
    check_slot(&frame, 0x1a9c, "item nowhere+0x0 of r12+0x40");
    check_item(&frame, 0x1a9c, RBX, false, 0);
    code_flow_free(&indexed);
    code_flow_free(&tuple);
    code_flow_free(&frame);
}

static void other_origins(void **state)
{
    struct code_flow code = function_at(0x1840);

    (void)state;
    check_slot(&code, 0x1844, "argument 0");
    check_slot(&code, 0x1851, "result of 0x1140");
    check_slot(&code, 0x1859, "argument 1");
    check_slot(&code, 0x1865, "static 0x3200");
    check_slot(&code, 0x186f, "result of 0x0"); /* of an indirect call */
    check_slot(&code, 0x1876, "none");
    check_slot(&code, 0x1882, "none"); /* the object is a variable itself */
    check_slot(&code, 0x1892,
               "none"); /* base lies nowhere behind the call, and what it was read from is no object */
    check_slot(&code, 0x18a0, "none");
    check_slot(&code, 0x18a8, "none"); /* what the caller had in a saved register */
    check_slot(&code, 0x18bb, "static 0x3140");
    code_flow_free(&code);
}

static void two_ways_are_none(void **state)
{
    struct code_flow code = function_at(0x1900);

    (void)state;
    check_slot(&code, 0x1911, "none");
    check_slot(&code, 0x1925, "none");
    code_flow_free(&code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gcc_decrement),
        cmocka_unit_test(clang_decrement),
        cmocka_unit_test(rotated_decrement),
        cmocka_unit_test(decrements_in_loops),
        cmocka_unit_test(inlined_decrement),
        cmocka_unit_test(static_object_counts),
        cmocka_unit_test(try_increments),
        cmocka_unit_test(increments),
        cmocka_unit_test(flags_and_merges),
        cmocka_unit_test(what_is_no_count),
        cmocka_unit_test(what_is_not_understood),
        cmocka_unit_test(local_counts_are_seen),
        cmocka_unit_test(fields_of_a_saved_register),
        cmocka_unit_test(fields_of_a_spilled_object),
        cmocka_unit_test(out_parameters_are_not_believed),
        cmocka_unit_test(items_of_lists_and_tuples),
        cmocka_unit_test(items_by_a_walking_pointer),
        cmocka_unit_test(which_item_it_is),
        cmocka_unit_test(other_origins),
        cmocka_unit_test(two_ways_are_none),
    };

    return cmocka_run_group_tests_name("refcount", tests, NULL, NULL);
}

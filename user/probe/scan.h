/*
 * What a binary does to reference counts: every atomic on an ob_ref_shared, what it means, where a probe can count it,
 * where that probe finds the object, and through which field the object was reached.
 */
#ifndef HOTREF_PROBE_SCAN_H
#define HOTREF_PROBE_SCAN_H

#include "probe/flow.h"
#include "target/elf_file.h"

enum operation_kind {
    OPERATION_UNKNOWN = 0,   /* an atomic on +0x10 whose meaning is not understood */
    OPERATION_DECREMENT = 1, /* compare-exchange: shared count - 1, or the hand-off to the owner, or either */
    OPERATION_INCREMENT = 2, /* locked add of one reference */
    OPERATION_TRY_INCREMENT = 3, /* compare-exchange: shared count + 1 */
    OPERATION_FLAGS = 4,     /* compare-exchange that only sets flag bits */
    OPERATION_MERGE = 5,     /* sets the merged flag, with a new count or not */
    OPERATION_FOREIGN = 6,   /* not a reference count: the word is no object's */
    OPERATION_ADD = 7,       /* locked add of a computed number: the items of a repeated list, or no object's word */
    OPERATION_NO_ID_INCREMENT = 8, /* an increment as above, of what each thread should count for itself and cannot */
    OPERATION_TOUCH = 9,     /* no atomic: an access to the header of an object whose references the function counts */
};

#define OPERATION_KINDS 10

#define OB_TYPE 24 /* offset of ob_type: Include/object.h (3.13 to 3.15, free-threaded) */

enum slot_kind {
    SLOT_NONE = 0,
    SLOT_FIELD = 1,    /* read from [base + disp] */
    SLOT_ITEM = 2,     /* read from somewhere behind base: an array whose index varies */
    SLOT_RESULT = 3,   /* returned by the function at callee */
    SLOT_ARGUMENT = 4, /* argument number of the function itself: the caller knows more */
    SLOT_STATIC = 5,   /* read from the static variable at disp */
};

/* Where an object's pointer came from. The places hold at the probe, or behind the call, of whom the slot is. */
struct slot {
    uint8_t kind;        /* enum slot_kind */
    uint8_t argument;
    struct place base;
    int64_t disp;
    struct place outer;  /* where base itself was read from [outer + outer_disp], for arrays behind an object */
    int64_t outer_disp;
    uint64_t callee;
    bool behind;         /* base is argument number `argument`, and an array: the caller knows whose */
    bool item_indexed;   /* item holds an index of words from base + item_disp on, ... */
    struct place item;   /* ... else a pointer: the object's pointer was read from it + item_disp. Always a register */
    int64_t item_disp;
};

#define ARGUMENTS 4      /* rdi, rsi, rdx, rcx */
extern const enum reg argument_regs[ARGUMENTS];

#define SAVED_REGS 6     /* rbx, rbp, r12 to r15 */
extern const enum reg saved_regs[SAVED_REGS];

/* How to get from a point in a function to its caller: the return address at rsp + depth, and where the caller's
 * callee-saved registers are (PLACE_NONE: lost). depth is -1 where it is not known. */
struct frame_rule {
    int64_t depth;
    struct place saved[SAVED_REGS];
};

/* What a hit of an operation's probe means. */
enum hit_meaning {
    HIT_COUNTS = 0,        /* one operation */
    HIT_COUNTS_IF_ZERO = 1, /* one operation where ZF is set; else an attempt that failed */
    HIT_COUNTS_IF_NOT = 2, /* one operation where ZF is clear; else the owner, who needs no atomic */
};

/* Instructions [start, end). */
struct span {
    uint64_t start, end;
};

/* An atomic by the probe that counts it. One that increments of several places share is there once for each. */
struct operation {
    uint64_t address;    /* of the atomic */
    uint64_t function;   /* start of the code range */
    uint64_t probe;      /* where it is counted: behind the atomic, or at the jump that guards it; 0: nowhere */
    struct span head;    /* from the first touch of the object's header to the end of the guard; empty where the atomic
                            follows it */
    struct span body;    /* from there, or from the first touch where head is empty, to the end of the atomic */
    uint8_t kind;        /* enum operation_kind */
    uint8_t cost;        /* enum probe_cost, of the probe */
    uint8_t meaning;     /* enum hit_meaning */
    bool guarded;        /* the probe is the guard of an inlined increment: the owner comes by there too. Of a touch: it is
                            part of an increment */
    struct place object; /* the object's address + adjust lies here at the probe */
    int64_t adjust;
    struct slot slot;
    struct frame_rule rule;
};

/* A call of something that operates on an argument, by the address behind it. */
struct caller {
    uint64_t returns_to;
    uint64_t function;   /* start of the code range that holds the call */
    uint64_t target;     /* what is called, seen through the PLT */
    uint8_t loses;       /* bit i: target may tail-jump to something that operates on another object as argument i; then
                            arguments[i] is that object's slot, if there is one */
    uint64_t members[ARGUMENTS]; /* of those: what target drops so is always a member of what it was given: bit i is the
                            one at 8 * i */
    struct slot arguments[ARGUMENTS];
    struct frame_rule rule;
};

/* Instructions at which a thread that is sampled waits for an object. */
struct touch_span {
    struct span span;
    uint32_t touch;      /* number of scan.touches */
};

struct scan {
    struct operation *operations; /* stb_ds array, by address */
    struct caller *callers;       /* stb_ds array, by returns_to */
    struct operation *touches;    /* stb_ds array: where a sample finds its object; the address is one of several */
    struct touch_span *touch_spans; /* stb_ds array, by address; no two overlap */
    uint64_t text_start, text_end;
    uint32_t ranges;              /* code ranges looked at */
    uint32_t undecoded;           /* of them, those that could not be decoded to the end */
};

/* Scans the whole file, touches too where they are wanted. NULL with a failure where it holds no code that .eh_frame tells of. */
struct scan *scan_file(const struct elf_file *file, bool touches);
void scan_free(struct scan *scan); /* takes NULL */

/* The entry for a return address (in the file), or NULL. */
const struct caller *scan_caller(const struct scan *scan, uint64_t returns_to);

const char *operation_name(enum operation_kind kind);

#endif

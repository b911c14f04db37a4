/*
 * x86-64 machine code, lowered from Zydis to the little that the data flow needs: where a 64-bit value comes
 * from and goes to. Everything else an instruction does is "writes these registers".
 */
#ifndef HOTREF_PROBE_CODE_H
#define HOTREF_PROBE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbered as x86 encodes them; DWARF and pt_regs order differ. */
enum reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, REG_COUNT, NO_REG = 31 };

#define CALLEE_SAVED ((1u << RBX) | (1u << RBP) | (1u << R12) | (1u << R13) | (1u << R14) | (1u << R15))
#define CALLER_SAVED (0xffffu & ~CALLEE_SAVED & ~(1u << RSP))

enum op_code {
    OP_OTHER,          /* only its clobbers matter */
    OP_NOP,
    OP_MOVE,           /* dst = src */
    OP_CONST,          /* dst = value */
    OP_LEA,            /* dst = address of mem */
    OP_LOAD,           /* dst = mem, 64 bits */
    OP_STORE,          /* mem = src, 64 bits */
    OP_STORE_OTHER,    /* mem = something else, width bytes */
    OP_ADD,            /* dst += value */
    OP_ADD_CARRY,      /* dst += value, or value + 1 */
    OP_AND,            /* dst &= value */
    OP_OR,             /* dst |= src, or value where src is NO_REG */
    OP_SELECT,         /* dst = dst or src (cmov) */
    OP_EXCHANGE,       /* dst <-> src */
    OP_PUSH,           /* src, or NO_REG for anything else */
    OP_POP,            /* dst */
    OP_LEAVE,
    OP_THREAD_POINTER, /* dst = fs base */
    OP_CALL,           /* value: the target, 0 where it is not direct; mem: the slot it is read from */
    OP_JUMP,           /* the same */
    OP_BRANCH,         /* conditional; value: the target */
    OP_RETURN,         /* or a trap: nothing comes after it */
    OP_ATOMIC,         /* a locked operation on mem; see struct op.atomic */
    OP_COMPARE,        /* src with mem, or with dst, 64 bits: writes nothing but flags */
};

enum atomic_code { ATOMIC_CMPXCHG = 1, ATOMIC_ADD, ATOMIC_XADD, ATOMIC_XCHG, ATOMIC_OTHER };

struct op {
    uint64_t address;
    int64_t value;
    int64_t disp;          /* of mem; the absolute address where base is NO_REG */
    uint16_t clobbers;     /* general registers written apart from dst */
    uint8_t length;
    uint8_t code;          /* enum op_code */
    uint8_t dst, src;
    uint8_t base, index, scale;
    uint8_t width;         /* of mem, in bytes */
    uint8_t atomic;        /* enum atomic_code */
    bool has_mem;
    bool segment;          /* mem is relative to fs or gs */
    bool zero_flag;        /* OP_BRANCH: taken if ZF (je) or if not (jne); see taken_if_zero */
    bool taken_if_zero;
    bool sets_zero;        /* ZF is another one, or undefined, behind it */
};

struct decoder;

struct decoder *decoder_new(void);
void decoder_free(struct decoder *decoder); /* takes NULL */

/* Lowers the instruction at bytes, which stands at address. Returns 0, or -1 for what is no instruction. */
int decode_op(const struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t address, struct op *op);

/* Only what a first look over all the code needs: length, OP_CALL, OP_JUMP and OP_BRANCH with direct targets, OP_RETURN,
 * OP_ATOMIC for any locked instruction, and OP_OTHER. Several times as fast. */
int decode_shape(const struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t address, struct op *op);

/* Whether the kernel takes a probe on this instruction, and handles it without a second trap. */
enum probe_cost { PROBE_REFUSED, PROBE_STEPPED, PROBE_EMULATED };
enum probe_cost probe_cost(const struct decoder *decoder, const uint8_t *bytes, size_t size);

#endif

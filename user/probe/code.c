#include "probe/code.h"

#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

struct decoder {
    ZydisDecoder zydis;
};

struct decoder *decoder_new(void)
{
    struct decoder *decoder = calloc(1, sizeof(*decoder));

    if (decoder)
        ZydisDecoderInit(&decoder->zydis, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return decoder;
}

void decoder_free(struct decoder *decoder)
{
    free(decoder);
}

/* The general register that reg is or is a part of, else NO_REG. */
static uint8_t general(ZydisRegister reg)
{
    ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

    if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
        return NO_REG;
    return whole - ZYDIS_REGISTER_RAX;
}

static bool is_general(const ZydisDecodedOperand *operand, int bits)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && operand->size == bits &&
           general(operand->reg.value) != NO_REG;
}

static bool is_memory(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static bool is_immediate(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

static void lower_memory(const ZydisDecodedOperand *operand, struct op *op)
{
    const ZydisDecodedOperandMem *mem = &operand->mem;

    op->has_mem = true;
    op->segment = mem->segment == ZYDIS_REGISTER_FS || mem->segment == ZYDIS_REGISTER_GS;
    op->width = operand->size / 8;
    op->disp = mem->disp.has_displacement ? mem->disp.value : 0;
    op->index = mem->index == ZYDIS_REGISTER_NONE ? NO_REG : general(mem->index);
    op->scale = mem->scale;
    if (mem->base == ZYDIS_REGISTER_RIP) {
        op->base = NO_REG;
        op->disp += op->address + op->length;
    } else {
        op->base = mem->base == ZYDIS_REGISTER_NONE ? NO_REG : general(mem->base);
    }
}

/* What every instruction may do, whatever else it is: memory it names, registers it writes. */
static void lower_effects(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operands, struct op *op)
{
    for (int i = 0; i < insn->operand_count; i++) {
        const ZydisDecodedOperand *operand = &operands[i];

        if (is_memory(operand) && operand->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT && !op->has_mem)
            lower_memory(operand, op);
        if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER && (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
            general(operand->reg.value) != NO_REG)
            op->clobbers |= 1u << general(operand->reg.value);
        if (is_memory(operand) && (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
            op->code = OP_STORE_OTHER;
    }
}

static void set(struct op *op, enum op_code code, uint8_t dst, uint8_t src)
{
    op->code = code;
    op->dst = dst;
    op->src = src;
    if (dst != NO_REG)
        op->clobbers &= ~(1u << dst);
}

static void lower_mov(const ZydisDecodedOperand *to, const ZydisDecodedOperand *from, struct op *op)
{
    if (is_general(to, 64) && is_general(from, 64)) {
        set(op, OP_MOVE, general(to->reg.value), general(from->reg.value));
    } else if (is_general(to, 64) && is_memory(from)) {
        bool self = op->segment && op->base == NO_REG && op->index == NO_REG && op->disp == 0;

        set(op, self ? OP_THREAD_POINTER : OP_LOAD, general(to->reg.value), NO_REG);
    } else if ((is_general(to, 64) || is_general(to, 32)) && is_immediate(from)) {
        set(op, OP_CONST, general(to->reg.value), NO_REG);
        op->value = to->size == 64 ? from->imm.value.s : (int64_t)(uint32_t)from->imm.value.u;
    } else if (is_memory(to) && is_general(from, 64)) {
        set(op, OP_STORE, NO_REG, general(from->reg.value));
    }
}

static void lower_arithmetic(ZydisMnemonic mnemonic, const ZydisDecodedOperand *to, const ZydisDecodedOperand *from,
                             struct op *op)
{
    bool same = from->type == ZYDIS_OPERAND_TYPE_REGISTER && to->type == ZYDIS_OPERAND_TYPE_REGISTER &&
                from->reg.value == to->reg.value;

    if (mnemonic == ZYDIS_MNEMONIC_XOR && same && (is_general(to, 32) || is_general(to, 64))) {
        set(op, OP_CONST, general(to->reg.value), NO_REG);
    } else if (mnemonic != ZYDIS_MNEMONIC_XOR && is_general(to, 64) && is_immediate(from)) {
        enum op_code code = mnemonic == ZYDIS_MNEMONIC_AND  ? OP_AND
                            : mnemonic == ZYDIS_MNEMONIC_OR ? OP_OR
                                                            : OP_ADD;

        set(op, code, general(to->reg.value), NO_REG);
        op->value = mnemonic == ZYDIS_MNEMONIC_SUB ? -from->imm.value.s : from->imm.value.s;
    } else if (mnemonic == ZYDIS_MNEMONIC_OR && is_general(to, 64) && is_general(from, 64)) {
        set(op, OP_OR, general(to->reg.value), general(from->reg.value));
    }
}

/* Only between two places that hold 64 bits each. */
static void lower_compare(const ZydisDecodedOperand *a, const ZydisDecodedOperand *b, struct op *op)
{
    if (is_memory(a) && is_general(b, 64)) {
        set(op, OP_COMPARE, NO_REG, general(b->reg.value));
    } else if (is_general(a, 64) && is_memory(b)) {
        set(op, OP_COMPARE, NO_REG, general(a->reg.value));
    } else if (is_general(a, 64) && is_general(b, 64)) {
        set(op, OP_COMPARE, NO_REG, general(a->reg.value));
        op->dst = general(b->reg.value);
    }
}

static bool is_cmov(const ZydisDecodedInstruction *insn)
{
    return insn->meta.category == ZYDIS_CATEGORY_CMOV;
}

static int64_t branch_target(const ZydisDecodedInstruction *insn, uint64_t address)
{
    if (!insn->raw.imm[0].is_relative)
        return 0;
    return (int64_t)(address + insn->length + insn->raw.imm[0].value.s);
}

/* Control flow and locked instructions, which need no operands. */
static void lower_shape(const ZydisDecodedInstruction *insn, struct op *op)
{
    switch (insn->meta.category) {
    case ZYDIS_CATEGORY_CALL:
        op->code = OP_CALL;
        op->value = branch_target(insn, op->address);
        break;
    case ZYDIS_CATEGORY_UNCOND_BR:
        op->code = OP_JUMP;
        op->value = branch_target(insn, op->address);
        break;
    case ZYDIS_CATEGORY_COND_BR:
        op->code = OP_BRANCH;
        op->value = branch_target(insn, op->address);
        op->taken_if_zero = insn->mnemonic == ZYDIS_MNEMONIC_JZ;
        op->zero_flag = op->taken_if_zero || insn->mnemonic == ZYDIS_MNEMONIC_JNZ;
        break;
    case ZYDIS_CATEGORY_RET:
        op->code = OP_RETURN;
        break;
    case ZYDIS_CATEGORY_NOP:
    case ZYDIS_CATEGORY_WIDENOP:
        op->code = OP_NOP;
        op->clobbers = 0;
        break;
    default:
        if (insn->mnemonic == ZYDIS_MNEMONIC_UD2 || insn->mnemonic == ZYDIS_MNEMONIC_HLT)
            op->code = OP_RETURN;
        else if (insn->attributes & ZYDIS_ATTRIB_HAS_LOCK)
            op->code = OP_ATOMIC;
    }
}

static void lower_atomic(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operands, struct op *op)
{
    op->code = OP_ATOMIC;
    op->src = NO_REG;
    if (insn->operand_count_visible >= 2 && is_general(&operands[1], 64))
        op->src = general(operands[1].reg.value);
    else if (insn->operand_count_visible >= 2 && is_immediate(&operands[1]))
        op->value = operands[1].imm.value.s;
    switch (insn->mnemonic) {
    case ZYDIS_MNEMONIC_CMPXCHG:
        op->atomic = ATOMIC_CMPXCHG;
        break;
    case ZYDIS_MNEMONIC_SUB:
        op->value = -op->value;
        op->atomic = ATOMIC_ADD;
        break;
    case ZYDIS_MNEMONIC_ADD:
        op->atomic = ATOMIC_ADD;
        break;
    case ZYDIS_MNEMONIC_XADD:
        op->atomic = ATOMIC_XADD;
        break;
    case ZYDIS_MNEMONIC_XCHG:
        op->atomic = ATOMIC_XCHG;
        break;
    default:
        op->atomic = ATOMIC_OTHER;
    }
}

static void lower_data(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operands, struct op *op)
{
    bool two = insn->operand_count_visible >= 2;

    switch (insn->mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
        lower_mov(&operands[0], &operands[1], op);
        break;
    case ZYDIS_MNEMONIC_LEA:
        if (is_general(&operands[0], 64))
            set(op, OP_LEA, general(operands[0].reg.value), NO_REG);
        break;
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
        lower_arithmetic(insn->mnemonic, &operands[0], &operands[1], op);
        break;
    case ZYDIS_MNEMONIC_ADC:
        if (is_general(&operands[0], 64) && is_immediate(&operands[1])) {
            set(op, OP_ADD_CARRY, general(operands[0].reg.value), NO_REG);
            op->value = operands[1].imm.value.s;
        }
        break;
    case ZYDIS_MNEMONIC_CMP:
        lower_compare(&operands[0], &operands[1], op);
        break;
    case ZYDIS_MNEMONIC_PUSH:
        set(op, OP_PUSH, NO_REG, is_general(&operands[0], 64) ? general(operands[0].reg.value) : NO_REG);
        break;
    case ZYDIS_MNEMONIC_POP:
        set(op, OP_POP, is_general(&operands[0], 64) ? general(operands[0].reg.value) : NO_REG, NO_REG);
        break;
    case ZYDIS_MNEMONIC_LEAVE:
        op->code = OP_LEAVE;
        break;
    case ZYDIS_MNEMONIC_XCHG:
        if (is_general(&operands[0], 64) && is_general(&operands[1], 64))
            set(op, OP_EXCHANGE, general(operands[0].reg.value), general(operands[1].reg.value));
        else if (op->has_mem)
            lower_atomic(insn, operands, op);
        break;
    default:
        if (two && is_cmov(insn) && is_general(&operands[0], 64) && is_general(&operands[1], 64))
            set(op, OP_SELECT, general(operands[0].reg.value), general(operands[1].reg.value));
    }
}

static void start_op(const ZydisDecodedInstruction *insn, uint64_t address, struct op *op)
{
    *op = (struct op){.address = address,
                      .length = insn->length,
                      .dst = NO_REG,
                      .src = NO_REG,
                      .base = NO_REG,
                      .index = NO_REG};
}

static bool writes_zero_flag(const ZydisDecodedInstruction *insn)
{
    const ZydisAccessedFlags *flags = insn->cpu_flags;

    return flags && ((flags->modified | flags->set_0 | flags->set_1 | flags->undefined) & ZYDIS_CPUFLAG_ZF);
}

int decode_op(const struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t address, struct op *op)
{
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder->zydis, bytes, size, &insn, operands)))
        return -1;
    start_op(&insn, address, op);
    op->sets_zero = writes_zero_flag(&insn);
    lower_effects(&insn, operands, op);
    if (insn.attributes & ZYDIS_ATTRIB_HAS_LOCK)
        lower_atomic(&insn, operands, op);
    else
        lower_data(&insn, operands, op);
    if (op->code == OP_OTHER || op->code == OP_STORE_OTHER)
        lower_shape(&insn, op);
    return 0;
}

int decode_shape(const struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t address, struct op *op)
{
    ZydisDecodedInstruction insn;

    if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder->zydis, NULL, bytes, size, &insn)))
        return -1;
    start_op(&insn, address, op);
    lower_shape(&insn, op);
    return 0;
}

/* The kernel looks at the bytes, whatever they mean there: a hint to a branch is refused as the segment that it spells
 * elsewhere (arch/x86/kernel/uprobes.c, is_prefix_bad). */
static bool has_refused_prefix(const ZydisDecodedInstruction *insn)
{
    static const uint8_t refused[] = {0xf0 /* lock */, 0x26 /* es */, 0x2e /* cs */, 0x36 /* ss */, 0x3e /* ds */};

    for (int i = 0; i < insn->raw.prefix_count; i++) {
        if (memchr(refused, insn->raw.prefixes[i].value, sizeof(refused)))
            return true;
    }
    return false;
}

enum probe_cost probe_cost(const struct decoder *decoder, const uint8_t *bytes, size_t size)
{
    ZydisDecodedInstruction insn;
    bool plain, conditional, direct;

    if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder->zydis, NULL, bytes, size, &insn)) ||
        has_refused_prefix(&insn) || insn.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
        return PROBE_REFUSED;
    plain = insn.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
    /* A branch with an operand-size prefix is not emulated (arch/x86/kernel/uprobes.c, branch_setup_xol_ops). */
    conditional = insn.opcode_map == ZYDIS_OPCODE_MAP_0F ? (insn.opcode & 0xf0) == 0x80
                                                         : plain && (insn.opcode & 0xf0) == 0x70;
    direct = plain && (insn.opcode == 0xeb || insn.opcode == 0xe9 || insn.opcode == 0xe8);
    return (conditional || direct) && !(insn.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) ? PROBE_EMULATED
                                                                                       : PROBE_STEPPED;
}

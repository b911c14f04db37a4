#include "resolve/instruction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolve/name.h"
#include "resolve/operand.h"
#include "target/page_cache.h"
#include "util/array.h"

enum { MOST_TEXT = 40 }; /* bytes of a constant's text */

/* A code object and what was found out of it. */
struct studied {
    const struct pycode *key;
    struct expression_source *value; /* NULL where it cannot be */
};

/* What the object is to an instruction depends neither on the thread nor on the place in the interpreter. */
struct asked {
    uint64_t object, type, code;
    uint32_t code_version, instr, target, reserved;
};
struct answer {
    char *proven[2], *only[2]; /* as in struct operand_answer; NULL for "" */
    char *called;              /* the variable that it is of the frame that is left, or NULL */
    bool several;              /* of that name */
};
struct known_answer {
    struct asked key;
    struct answer *value;
};

struct known_asked {
    struct asked key;
    bool value;
};

struct instructions {
    struct studied *studied;     /* stb_ds hash maps */
    struct known_answer *answers;
};

static void *start(void)
{
    return calloc(1, sizeof(struct instructions));
}

/* Constants */

/* "constant 2.5": only where BPF would have given the object that name too. */
static void describe(const struct python_memory *memory, uint64_t object, char *into, size_t size)
{
    struct abi_event event = {0};
    uint64_t type = python_type(memory, object, NULL);
    char name[NAME_SIZE], type_name[64];

    into[0] = '\0';
    if (!type || python_type_name(memory, type, type_name, sizeof(type_name)) != 0)
        return;
    snprintf(into, size, "%.*s", (int)size - 1, type_name);
    event.kind = strcmp(type_name, "float") == 0 ? ABI_KIND_FLOAT : strcmp(type_name, "int") == 0 ? ABI_KIND_INT : 0;
    if (!event.kind || memory->read(memory->context, object + 32, event.words, 16) != 0)
        return;
    name_object(&event, type_name, name, sizeof(name));
    snprintf(into, size, "%.*s", (int)size - 1, strchr(name, ' ') ? strchr(name, ' ') + 1 : name);
}

static char *constant_text(const struct python_memory *memory, uint64_t object)
{
    char text[MOST_TEXT], whole[MOST_TEXT + 16];
    int status = python_string(memory, object, text, sizeof(text));

    if (status >= 0) {
        snprintf(whole, sizeof(whole), "'%s%s'", text, status ? "…" : "");
        return strdup(whole);
    }
    describe(memory, object, text, sizeof(text));
    if (strcmp(text, "code") == 0 &&
        python_string(memory, python_pointer(memory, object + memory->layout->code_name), text, sizeof(text)) >= 0) {
        snprintf(whole, sizeof(whole), "code %s", text);
        return strdup(whole);
    }
    return *text ? strdup(text) : NULL;
}

/* Code objects */

static struct expression_source *study(const struct python_memory *memory, const struct pycode *code)
{
    struct bytecode_text text = {code->bytecode, arrlenu(code->bytecode) / 2, code->exceptions,
                                 arrlenu(code->exceptions)};
    struct expression_source *source = calloc(1, sizeof(*source));
    char **constants = calloc(arrlenu(code->consts) + 1, sizeof(*constants));

    for (size_t i = 0; i < arrlenu(code->consts); i++)
        constants[i] = constant_text(memory, code->consts[i]);
    source->code = code;
    source->opcodes = memory->opcodes;
    source->bytecode = bytecode_new(source->opcodes, &text);
    source->constants = constants;
    return source;
}

static void forget(struct expression_source *source)
{
    for (size_t i = 0; i < arrlenu(source->code->consts); i++)
        free(source->constants[i]);
    free((void *)source->constants);
    bytecode_free((struct bytecode *)source->bytecode);
    free(source);
}

static const struct expression_source *studied(struct instructions *instructions, const struct python_memory *memory,
                                               const struct pycode *code)
{
    ptrdiff_t known = hmgeti(instructions->studied, code);
    struct expression_source *source;

    if (known >= 0)
        return instructions->studied[known].value;
    source = study(memory, code);
    hmput(instructions->studied, code, source);
    return source;
}

/* Events */

static struct asked asked_of(const struct abi_key *key, uint64_t type)
{
    return (struct asked){key->object, type, key->code, key->code_version, key->instr, key->target, 0};
}

static const struct pycode *code_of(struct live_target *target, const struct abi_bytecode *event)
{
    const struct pycode *code = pycode_cached(&target->codes, &target->memory, event->key.code, event->key.code_version);

    return code && code->qualname_at == event->qualname && code->linetable_at == event->linetable &&
                   code->firstlineno == event->firstlineno
               ? code
               : NULL;
}

/* A later look may find what an earlier one did not; what was found by one and not by the other stays. */
static struct answer *keep(struct instructions *instructions, const struct asked *asked,
                           const struct operand_answer *answer)
{
    ptrdiff_t known = hmgeti(instructions->answers, *asked);
    struct answer *kept;

    if (known < 0) {
        kept = calloc(1, sizeof(*kept));
        hmput(instructions->answers, *asked, kept);
        known = hmgeti(instructions->answers, *asked);
    }
    kept = instructions->answers[known].value;
    for (int i = 0; i < 2; i++) {
        if (!kept->proven[i] && *answer->proven[i])
            kept->proven[i] = strdup(answer->proven[i]);
        if (!kept->only[i] && *answer->only[i])
            kept->only[i] = strdup(answer->only[i]);
    }
    return kept;
}

/* The variable of the frame that is left, if it is one. */
static void keep_called(struct live_target *target, const struct abi_bytecode *event, struct answer *kept)
{
    const struct pycode *code = event->called_local && event->called_version
                                    ? pycode_cached(&target->codes, &target->memory, event->called, event->called_version)
                                    : NULL;
    struct expression_source source = {.code = code};
    char text[EXPRESSION_SIZE];

    if (code && event->called_local == ABI_CALLED_FUNCTION)
        snprintf(text, sizeof(text), "frame.f_funcobj");
    else if (!code || !expression_variable(&source, event->called_local - 1, false, text, sizeof(text)))
        return;
    kept->several |= kept->called && strcmp(kept->called, text) != 0;
    free(kept->called);
    kept->called = strdup(text);
}

static void answer(struct instructions *instructions, struct live_target *target, const struct python_memory *memory,
                   const struct pycode *code, const struct abi_bytecode *event)
{
    struct operand_question question = {.source = studied(instructions, memory, code),
                                        .memory = memory,
                                        .object = event->key.object,
                                        .type = event->type,
                                        .index = event->key.instr,
                                        .local = event->local,
                                        .globals = event->globals,
                                        .builtins = event->builtins,
                                        .locals = event->locals,
                                        .variables = event->variables,
                                        .count = ABI_VARIABLES};
    struct asked asked = asked_of(&event->key, event->type);
    struct operand_answer found;

    if (!question.source->bytecode)
        return;
    operand_find(&question, &found);
    keep_called(target, event, keep(instructions, &asked, &found));
}

static void take_event(void *state, struct live_target *target, const struct abi_event_head *head, size_t size)
{
    const struct abi_bytecode *event = (const struct abi_bytecode *)head;
    const struct pycode *code;
    struct python_memory memory;
    struct page_cache *cache;

    if (head->event != ABI_EVENT_BYTECODE || size < sizeof(*event) || !(code = code_of(target, event)) ||
        !(cache = page_cache_new(&target->memory)))
        return;
    memory = page_cache_memory(cache);
    answer(state, target, &memory, code, event);
    page_cache_free(cache);
}

static void free_answer(struct answer *answer)
{
    for (int i = 0; i < 2; i++) {
        free(answer->proven[i]);
        free(answer->only[i]);
    }
    free(answer->called);
    free(answer);
}

static void trim(void *state, const struct live_rows *left)
{
    struct instructions *instructions = state;
    struct known_answer *kept = NULL;
    struct known_asked *wanted = NULL;

    for (size_t i = 0; i < live_rows_count(left); i++) {
        const struct collected_row *row = live_row(left, i);

        hmput(wanted, asked_of(&row->key, row->value.type), true);
    }
    for (ptrdiff_t i = 0; i < hmlen(instructions->answers); i++) {
        if (hmgeti(wanted, instructions->answers[i].key) >= 0)
            hmputs(kept, instructions->answers[i]);
        else
            free_answer(instructions->answers[i].value);
    }
    hmfree(wanted);
    hmfree(instructions->answers);
    instructions->answers = kept;
}

/* Code objects are to go, and what was found out of them with them. */
static void forget_codes(void *state)
{
    struct instructions *instructions = state;

    for (ptrdiff_t i = 0; i < hmlen(instructions->studied); i++)
        forget(instructions->studied[i].value);
    hmfree(instructions->studied);
}

static void stop(void *state)
{
    struct instructions *instructions = state;

    forget_codes(instructions);
    for (ptrdiff_t i = 0; i < hmlen(instructions->answers); i++)
        free_answer(instructions->answers[i].value);
    hmfree(instructions->answers);
    free(instructions);
}

const struct live_lookup live_instructions = {.name = "instructions",
                                              .start = start,
                                              .event = take_event,
                                              .trim = trim,
                                              .forget_codes = forget_codes,
                                              .stop = stop};

/* Rows that were too cold to be described: what their code object alone tells, if it is known. */
static const struct answer *answer_without_event(const struct live *live, struct instructions *instructions,
                                                         const struct collected_row *row)
{
    struct live_target *target = live_target(live, row->key.target);
    struct asked asked = asked_of(&row->key, row->value.type);
    const struct pycode *code = target ? pycode_known(&target->codes, row->key.code, row->key.code_version) : NULL;
    struct operand_question question = {.object = row->key.object,
                                        .type = row->value.type,
                                        .index = row->key.instr,
                                        .local = OPERAND_NO_LOCALS};
    struct operand_answer answer;
    ptrdiff_t known = code ? hmgeti(instructions->studied, code) : -1;

    if (known < 0 || !instructions->studied[known].value->bytecode)
        return NULL;
    question.source = instructions->studied[known].value;
    operand_find(&question, &answer);
    return keep(instructions, &asked, &answer);
}

const char *instruction_field(const struct live *live, const struct collected_row *row, enum instruction_place place,
                              bool increment)
{
    struct instructions *instructions = live_state(live, &live_instructions);
    struct asked asked = asked_of(&row->key, row->value.type);
    const struct answer *answer;
    ptrdiff_t known;

    if (!row->key.code)
        return NULL;
    known = hmgeti(instructions->answers, asked);
    answer = known >= 0 ? instructions->answers[known].value : answer_without_event(live, instructions, row);
    if (!answer)
        return NULL;
    if (answer->proven[increment])
        return answer->proven[increment];
    if (place == INSTRUCTION_CALLEE && answer->called && !answer->several)
        return answer->called;
    return place == INSTRUCTION_LOOP ? answer->only[increment] : NULL;
}

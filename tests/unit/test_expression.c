/* What the values that bytecode handles are called, and which of them an object is, over literal code of 3.13. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "resolve/operand.h"
#include "util/array.h"

enum { V13 = 0x030d05f0, OBJECT = 0x1000, OTHER = 0x2000 };
enum { LOAD_FAST = 85, LOAD_GLOBAL = 91, LOAD_ATTR = 82, LOAD_CONST = 83, LOAD_DEREF = 84, STORE_FAST = 110, CALL = 53,
       BINARY_SUBSCR = 5, BINARY_OP = 45, GET_ITER = 19, FOR_ITER = 72, POP_TOP = 32, RETURN_VALUE = 36,
       STORE_FAST_LOAD_FAST = 111, LOAD_NAME = 92, POP_EXCEPT = 31, UNPACK_SEQUENCE = 117, IMPORT_NAME = 75,
       IMPORT_FROM = 74 };
#define CACHES_4 0, 0, 0, 0, 0, 0, 0, 0
#define CACHES_9 CACHES_4, CACHES_4, 0, 0

static char *names[] = {"RATE", "Service", "ping", "os", "path"};
static char *variables[] = {"x", "y", "state"};
static uint8_t kinds[] = {PYCODE_LOCAL, PYCODE_LOCAL, PYCODE_FREE};
static char *constants[] = {"'a b'", "1.5", NULL};

struct subject {
    struct opcodes opcodes;
    struct pycode code;
    struct expression_source source;
};

static void set_up(struct subject *subject, char *name, const uint8_t *bytes, size_t size)
{
    struct bytecode_text text = {bytes, size / 2, NULL, 0};

    *subject = (struct subject){.code = {.name = name}};
    opcodes_of(V13, &subject->opcodes);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        arrput(subject->code.names, names[i]);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        arrput(subject->code.variables, variables[i]);
        arrput(subject->code.kinds, kinds[i]);
        arrput(subject->code.consts, (uint64_t)OTHER + 0x100 * i);
    }
    subject->source = (struct expression_source){.code = &subject->code,
                                                 .bytecode = bytecode_new(&subject->opcodes, &text),
                                                 .opcodes = &subject->opcodes,
                                                 .constants = constants};
}

static void tear_down(struct subject *subject)
{
    bytecode_free((struct bytecode *)subject->source.bytecode);
    arrfree(subject->code.names);
    arrfree(subject->code.variables);
    arrfree(subject->code.kinds);
    arrfree(subject->code.consts);
}
#define SUBJECT(subject, ...)                                                                                         \
    set_up(subject, "f", (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void check_field(const struct subject *subject, uint32_t instr, uint32_t output, const char *expected)
{
    char text[EXPRESSION_SIZE];

    assert_int_equal(expression_field(&subject->source, BYTECODE_VALUE(instr, output), text, sizeof(text)),
                     expected != NULL);
    assert_string_equal(text, expected ? expected : "");
}

static void loads(void **state)
{
    struct subject subject;

    (void)state;
    SUBJECT(&subject, LOAD_GLOBAL, 1, CACHES_4, LOAD_FAST, 1, LOAD_DEREF, 2, LOAD_FAST, 2, LOAD_CONST, 0, LOAD_CONST, 2,
            LOAD_NAME, 0, RETURN_VALUE, 0);
    check_field(&subject, 0, 0, "global RATE");
    check_field(&subject, 0, 1, NULL); /* NULL beside a callee */
    check_field(&subject, 5, 0, "local y");
    check_field(&subject, 6, 0, "closure state");
    check_field(&subject, 7, 0, "cell state");
    check_field(&subject, 8, 0, "constant 'a b'");
    check_field(&subject, 9, 0, NULL); /* one that has no text */
    check_field(&subject, 10, 0, "name RATE");
    subject.code.name = "<module>";
    check_field(&subject, 10, 0, "global RATE");
    check_field(&subject, 99, 0, NULL);
    tear_down(&subject);
}

/* Service.ping('a b')[x], with ping a method: the function, and its self beside it. */
static void chains(void **state)
{
    struct subject subject;
    char text[EXPRESSION_SIZE];

    (void)state;
    SUBJECT(&subject, LOAD_GLOBAL, 1 << 1, CACHES_4, LOAD_ATTR, 2 << 1 | 1, CACHES_9, LOAD_CONST, 0, CALL, 1, 0, 0, 0, 0,
            0, 0, LOAD_FAST, 0, BINARY_SUBSCR, 0, 0, 0, RETURN_VALUE, 0);
    check_field(&subject, 5, 0, "attribute .ping");
    check_field(&subject, 5, 1, "global Service");
    check_field(&subject, 16, 0, "result of call Service.ping");
    check_field(&subject, 21, 0, "subscript Service.ping()[x]");
    expression_text(&subject.source, BYTECODE_VALUE(21, 0), text, sizeof(text));
    assert_string_equal(text, "Service.ping()[x]");
    expression_text(&subject.source, BYTECODE_VALUE(21, 0), text, 8);
    assert_string_equal(text, "Service");
    tear_down(&subject);
}

static void loops_and_imports(void **state)
{
    struct subject subject;

    (void)state;
    SUBJECT(&subject, LOAD_FAST, 0, GET_ITER, 0, FOR_ITER, 200, 0, 0, UNPACK_SEQUENCE, 2, 0, 0, POP_TOP, 0, POP_TOP, 0,
            LOAD_CONST, 0, LOAD_CONST, 1, IMPORT_NAME, 3, IMPORT_FROM, 4, RETURN_VALUE, 0);
    check_field(&subject, 1, 0, "iterator over x");
    check_field(&subject, 2, 1, "item of x");
    check_field(&subject, 10, 0, "import os");
    check_field(&subject, 11, 1, "import os.path");
    tear_down(&subject);
}

static struct operand_answer ask(const struct subject *subject, uint32_t index, uint32_t local)
{
    struct operand_question question = {
        .source = &subject->source, .object = OBJECT, .index = index, .local = local};
    struct operand_answer answer;

    operand_find(&question, &answer);
    return answer;
}

/* x * RATE: which one it is, only the variables as they were can tell. */
static void one_of_two(void **state)
{
    struct subject subject;
    struct operand_answer answer;

    (void)state;
    SUBJECT(&subject, LOAD_FAST, 0, LOAD_GLOBAL, 0, CACHES_4, BINARY_OP, 5, 0, 0, RETURN_VALUE, 0);
    answer = ask(&subject, 6, OPERAND_NO_LOCALS);
    assert_string_equal(answer.proven[0], "");
    assert_string_equal(answer.only[0], "");
    answer = ask(&subject, 6, 1);
    assert_string_equal(answer.proven[0], "local x");
    answer = ask(&subject, 6, 0); /* no variable is the object */
    assert_string_equal(answer.proven[0], "");
    assert_string_equal(answer.only[0], "global RATE");
    assert_string_equal(answer.only[1], "result of *");
    tear_down(&subject);
}

/* A constant is the object or is not, for ever. */
static void constants_are_certain(void **state)
{
    struct subject subject;

    (void)state;
    SUBJECT(&subject, LOAD_CONST, 0, LOAD_FAST, 0, BINARY_OP, 5, 0, 0, RETURN_VALUE, 0);
    assert_string_equal(ask(&subject, 2, OPERAND_NO_LOCALS).only[0], "local x");
    subject.code.consts[0] = OBJECT;
    assert_string_equal(ask(&subject, 2, 0).proven[0], "constant 'a b'");
    tear_down(&subject);
}

/* Stores drop what was there, not what they take. */
static void stores(void **state)
{
    struct subject subject;

    (void)state;
    SUBJECT(&subject, LOAD_GLOBAL, 0, CACHES_4, STORE_FAST, 1, LOAD_CONST, 0, STORE_FAST_LOAD_FAST, 0x01, POP_EXCEPT, 0,
            LOAD_CONST, 0, RETURN_VALUE, 0);
    assert_string_equal(ask(&subject, 5, 0).only[0], "local y");
    assert_string_equal(ask(&subject, 7, 0).only[0], "local x");
    assert_string_equal(ask(&subject, 8, 0).only[0], "exception");
    assert_string_equal(ask(&subject, 99, 0).only[0], "");
    tear_down(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads),
        cmocka_unit_test(chains),
        cmocka_unit_test(loops_and_imports),
        cmocka_unit_test(one_of_two),
        cmocka_unit_test(constants_are_certain),
        cmocka_unit_test(stores),
    };

    return cmocka_run_group_tests_name("expression", tests, NULL, NULL);
}

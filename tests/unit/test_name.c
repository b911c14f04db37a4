/* What objects and types are called, from what BPF copied of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolve/name.h"

static void put(struct abi_text *text, const char *from)
{
    if (!from)
        return;
    text->length = text->bytes = strlen(from);
    text->width = text->ascii = 1;
    memcpy(text->data, from, text->bytes);
}

static struct abi_event event_of(enum abi_kind kind, const char *first, const char *second, const char *third)
{
    struct abi_event event = {.event = ABI_EVENT_OBJECT, .kind = kind};

    put(&event.text[0], first);
    put(&event.text[1], second);
    put(&event.text[2], third);
    return event;
}

static void check(const struct abi_event *event, const char *type, const char *expected)
{
    char name[NAME_SIZE];

    name_object(event, type, name, sizeof(name));
    assert_string_equal(name, expected);
}

static void check_texts(enum abi_kind kind, const char *type, const char *first, const char *second,
                        const char *expected)
{
    struct abi_event event = event_of(kind, first, second, NULL);

    check(&event, type, expected);
}

static void named_by_text(void **state)
{
    (void)state;
    check_texts(ABI_KIND_STR, "str", "square", NULL, "str 'square'");
    check_texts(ABI_KIND_STR, "str", NULL, NULL, "str ''");
    check_texts(ABI_KIND_FUNCTION, "function", "Config.get", "app.models", "function app.models.Config.get");
    check_texts(ABI_KIND_FUNCTION, "function", "f", NULL, "function f");
    check_texts(ABI_KIND_METHOD, "method", "C.run", "__main__", "method __main__.C.run");
    check_texts(ABI_KIND_CFUNCTION, "builtin_function_or_method", "floor", "math", "function math.floor");
    check_texts(ABI_KIND_MODULE, "module", "collections.abc", NULL, "module collections.abc");
    check_texts(ABI_KIND_DESCRIPTOR, "method_descriptor", "append", "list", "method_descriptor list.append");
}

/* What a C function is bound to may be known by its type alone. */
static void functions_of_types(void **state)
{
    struct abi_event event = event_of(ABI_KIND_CFUNCTION, "append", NULL, "list");

    (void)state;
    check(&event, "builtin_function_or_method", "function list.append");
    event.kind = ABI_KIND_FUNCTION;
    check(&event, "function", "function append");
}

static void check_code(const char *qualname, const char *path, unsigned line, const char *expected)
{
    struct abi_event event = event_of(ABI_KIND_CODE, qualname, path, NULL);

    event.words[0] = line;
    check(&event, "code", expected);
}

/* The last part of a path is enough, but for the many files that are all called alike. */
static void code(void **state)
{
    (void)state;
    check_code("f.<locals>.g", "/srv/app/app.py", 4, "code f.<locals>.g (app.py:4)");
    check_code("<module>", "app.py", 1, "code <module> (app.py:1)");
    check_code("f", "/usr/lib/python3.13/asyncio/__init__.py", 7, "code f (asyncio/__init__.py:7)");
    check_code("f", "pkg/__main__.py", 7, "code f (pkg/__main__.py:7)");
    check_code("f", "/__init__.py", 7, "code f (/__init__.py:7)");
    check_code("f", "__init__.py", 7, "code f (__init__.py:7)");
    check_code("f", "/srv/app/_private.py", 7, "code f (_private.py:7)");
    check_code("<lambda>", "<string>", 1, "code <lambda> (<string>:1)");
}

static void check_int(uint64_t tag, uint32_t low, uint32_t high, const char *expected)
{
    struct abi_event event = {.kind = ABI_KIND_INT, .words = {tag, (uint64_t)high << 32 | low}};

    check(&event, "int", expected);
}

/* lv_tag is sign | digits << 3: what stands behind the last digit is not the number's. */
static void ints(void **state)
{
    (void)state;
    check_int(1, 0, 0, "int 0");
    check_int(1 << 3, 1, 0xdeadbeef, "int 1");
    check_int(1 << 3 | 2, 7, 0xdeadbeef, "int -7");
    check_int(1 << 3, 0x3fffffff, 0, "int 1073741823");
    check_int(2 << 3, 0, 1, "int 1073741824");
    check_int(2 << 3 | 2, 0x3fffffff, 0x3fffffff, "int -1152921504606846975");
    check_int(1 << 3 | 4, 5, 0, "int 5"); /* bit 2 is another matter */
    check_int(3 << 3, 1, 1, "int of 3 digits of 30 bits");
}

static void check_float(double value, const char *expected)
{
    struct abi_event event = {.kind = ABI_KIND_FLOAT};

    memcpy(&event.words[0], &value, sizeof(value));
    check(&event, "float", expected);
}

/* As repr() of CPython writes them. */
static void floats(void **state)
{
    (void)state;
    check_float(0.0, "float 0.0");
    check_float(-0.0, "float -0.0");
    check_float(1.5, "float 1.5");
    check_float(0.1, "float 0.1");
    check_float(0.1 + 0.2, "float 0.30000000000000004");
    check_float(-2.0, "float -2.0");
    check_float(100.0, "float 100.0");
    check_float(1234567.0, "float 1234567.0");
    check_float(1e15, "float 1000000000000000.0");
    check_float(9007199254740992.0, "float 9007199254740992.0");
    check_float(1e16, "float 1e+16");
    check_float(5.5609191428964776e16, "float 5.5609191428964776e+16");
    check_float(1.5e300, "float 1.5e+300");
    check_float(0.0001, "float 0.0001");
    check_float(0.00001, "float 1e-05");
    check_float(5e-324, "float 5e-324");
    check_float(1.0 / 3, "float 0.3333333333333333");
    check_float(__builtin_inf(), "float inf");
    check_float(-__builtin_inf(), "float -inf");
    check_float(__builtin_nan(""), "float nan");
    check_float(-__builtin_nan(""), "float nan"); /* what inf - inf gives on x86 */
}

static void check_dict(const char *name, const char *first, const char *second, const char *expected)
{
    struct abi_event event = event_of(ABI_KIND_DICT, name, first, second);

    check(&event, "dict", expected);
}

static void dicts(void **state)
{
    (void)state;
    check_dict("app.models", NULL, NULL, "globals of app.models");
    check_dict("__main__", "x", "y", "globals of __main__");
    check_dict("builtins", NULL, NULL, "builtins");
    check_dict(NULL, "host", "port", "dict {'host', 'port', …}");
    check_dict(NULL, "host", NULL, "dict {'host'}");
    check_dict(NULL, NULL, "port", "dict");
    check_dict(NULL, NULL, NULL, "dict");
}

static void instances(void **state)
{
    static const enum abi_kind kinds[] = {ABI_KIND_OTHER, ABI_KIND_BYTES, ABI_KIND_TUPLE, ABI_KIND_CELL};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        check_texts(kinds[i], "app.Config", NULL, NULL, "instance of app.Config");
}

static void check_type(bool heap, const char *name, const char *module, const char *full,
                       const char *expected)
{
    struct abi_event event = event_of(ABI_KIND_TYPE, name, module, full);
    char text[NAME_SIZE], object[NAME_SIZE];

    event.heap = heap;
    name_type(&event, text, sizeof(text));
    assert_string_equal(text, expected);
    snprintf(object, sizeof(object), "type %s", expected);
    check(&event, "type", object);
}

static void types(void **state)
{
    (void)state;
    check_type(false, "dict", NULL, NULL, "dict");
    check_type(false, "collections.deque", NULL, NULL, "collections.deque");
    check_type(false, "dict", "app", NULL, "dict"); /* a static type's name says all */
    check_type(true, "Config", "app", "Config", "app.Config");
    check_type(true, "Outer.Inner", "__main__", "Inner", "__main__.Outer.Inner");
    check_type(true, "C", "builtins", "C", "C");
    check_type(true, "C", NULL, NULL, "C");
    check_type(true, NULL, "app", NULL, "");
    check_type(true, "partial", NULL, "functools.partial", "functools.partial"); /* made in C, by a spec */
    check_type(true, "C", NULL, "C", "C");
}

static void cut_to_the_room(void **state)
{
    struct abi_event event = event_of(ABI_KIND_FUNCTION, "qualname", "module", NULL);
    char name[16];

    (void)state;
    name_object(&event, "function", name, sizeof(name));
    assert_string_equal(name, "function module");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_by_text),
        cmocka_unit_test(functions_of_types),
        cmocka_unit_test(code),
        cmocka_unit_test(ints),
        cmocka_unit_test(floats),
        cmocka_unit_test(dicts),
        cmocka_unit_test(instances),
        cmocka_unit_test(types),
        cmocka_unit_test(cut_to_the_room),
    };

    return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}

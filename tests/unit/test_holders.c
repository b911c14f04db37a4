/* Where objects are held, over a made memory image: an interpreter with two modules, as 3.13.5 lays them out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "resolve/holders.h"

enum { ADDRESS = 0x100000, SIZE = 0x40000, RUNTIME = ADDRESS, INTERP = ADDRESS + 0x100, STATE = ADDRESS + 0x200 };
#include "made_memory.h"
enum { OWNER = 0x7000, ROOM = 16 };

static uint64_t used; /* what new objects are cut from */
static uint64_t type_type, str_type, dict_type, list_type, tuple_type, module_type, function_type, code_type;
static uint64_t bytes_type, cell_type, plain_class;

static const struct layout layout = {
    .hex_version = 0x030d05f0,
    .ob_ref_local = 12,
    .ob_ref_shared = 16,
    .ob_type = 24,
    .ob_size = 32,
    .runtime_finalizing = 8,
    .runtime_interpreters_head = 16,
    .interp_next = 0,
    .interp_threads_head = 8,
    .interp_modules = 16,
    .tstate_next = 0,
    .tstate_current_frame = 8,
    .tstate_thread_id = 16,
    .frame_executable = 0,
    .frame_previous = 8,
    .frame_localsplus = 72,
    .code_qualname = 144,
    .type_name = 40,
    .type_flags = 184,
    .type_basicsize = 48,
    .type_base = 272,
    .type_dict = 280,
    .type_dictoffset = 304,
    .heap_qualname = 888,
    .heap_cached_keys = 896,
    .dict_keys = 48,
    .dict_values = 56,
    .str_length = 32,
    .str_state = 48,
    .str_ascii_data = 56,
    .str_data = 72,
    .str_kind_shift = 2,
    .str_compact_bit = 5,
    .str_ascii_bit = 6,
    .bytes_size = 32,
    .bytes_data = 48,
    .list_item = 40,
    .list_size = 32,
    .tuple_item = 40,
    .module_dict = 32,
    .function_qualname = 56,
    .function_code = 64,
    .function_module = 120,
    .descr_name = 40,
    .descr_member = 56,
    .cell_value = 32,
    .set_mask = 48,
    .set_table = 56,
};
static const struct python_memory memory = {.layout = &layout, .read = read_bytes};

static void put(uint64_t address, const void *from, size_t size)
{
    memcpy(bytes + (address - ADDRESS), from, size);
}

static void put_word(uint64_t address, uint64_t word)
{
    put(address, &word, sizeof(word));
}

static uint64_t word_at(uint64_t address)
{
    uint64_t word;

    memcpy(&word, bytes + (address - ADDRESS), sizeof(word));
    return word;
}

static uint64_t new_object(uint64_t type, size_t size)
{
    uint64_t at = used;

    used += (size + 63) / 64 * 64;
    assert_true(used <= ADDRESS + SIZE);
    put_word(at, OWNER);
    put_word(at + 8, 1ull << 32); /* ob_ref_local */
    put_word(at + 24, type);
    return at;
}

static uint64_t new_type(const char *name, uint64_t flags)
{
    uint64_t type = new_object(type_type, 960), text = new_object(0, strlen(name) + 1);

    put(text, name, strlen(name) + 1);
    put_word(type + 24, type_type ? type_type : type);
    put_word(type + 40, text);
    put_word(type + 184, flags | PYTHON_READY);
    return type;
}

static uint64_t new_str(const char *text)
{
    uint64_t at = new_object(str_type, 56 + strlen(text) + 1);

    put_word(at + 32, strlen(text));
    put_word(at + 48, 1 << 2 | 1u << 5 | 1u << 6);
    put(at + 56, text, strlen(text));
    return at;
}

/* With a table of its own: room for so many str keys. */
static uint64_t new_dict(void)
{
    uint64_t at = new_object(dict_type, 64), keys = new_object(0, 32 + 16 + ROOM * 16);
    uint8_t head[4] = {4, 4, 1, 0};

    put_word(keys + 24, 0);
    put(keys + 8, head, sizeof(head));
    put_word(at + 48, keys);
    return at;
}

static void set(uint64_t dict, const char *key, uint64_t value)
{
    uint64_t keys = word_at(dict + 48), entries = word_at(keys + 24);

    assert_true(entries < ROOM);
    put_word(keys + 48 + entries * 16, new_str(key));
    put_word(keys + 48 + entries * 16 + 8, value);
    put_word(keys + 24, entries + 1);
}

static uint64_t new_tuple(size_t count, const uint64_t *items)
{
    uint64_t at = new_object(tuple_type, 40 + 8 * count);

    put_word(at + 32, count);
    for (size_t i = 0; i < count; i++)
        put_word(at + 40 + 8 * i, items[i]);
    return at;
}

static uint64_t new_list(size_t count, const uint64_t *items)
{
    uint64_t at = new_object(list_type, 56), array = new_object(0, 8 * count);

    put_word(at + 32, count);
    put_word(at + 40, array);
    for (size_t i = 0; i < count; i++)
        put_word(array + 8 * i, items[i]);
    return at;
}

static uint64_t new_class(const char *module, const char *name)
{
    uint64_t type = new_type(name, PYTHON_HEAP_TYPE | PYTHON_MANAGED_DICT), dict = new_dict();

    set(dict, "__module__", new_str(module));
    put_word(type + 280, dict);
    put_word(type + 888, new_str(name));
    return type;
}

/* An instance, whose dict is the word before it. */
static uint64_t new_instance(uint64_t type)
{
    uint64_t at = new_object(type, 128) + 64;

    put_word(at, OWNER);
    put_word(at + 8, 1ull << 32);
    put_word(at + 24, type);
    put_word(at - 8, new_dict());
    return at;
}

static uint64_t dict_of(uint64_t instance)
{
    return word_at(instance - 8);
}

static uint64_t modules;

/* The dict of a new module. */
static uint64_t new_module(const char *name)
{
    uint64_t module = new_object(module_type, 72), dict = new_dict();

    put_word(module + 32, dict);
    set(dict, "__name__", new_str(name));
    set(modules, name, module);
    return dict;
}

static uint64_t new_function(const char *module, const char *qualname, uint64_t code, uint64_t closure)
{
    uint64_t function = new_object(function_type, 160);

    put_word(function + 56, new_str(qualname));
    put_word(function + 64, code);
    put_word(function + 88, closure);
    put_word(function + 120, new_str(module));
    return function;
}

/* With two variables, of these kinds. */
static uint64_t new_code(const char *qualname, const char *first, uint8_t first_kind, const char *second,
                         uint8_t second_kind)
{
    uint64_t code = new_object(code_type, 224), kinds = new_object(bytes_type, 64);
    uint64_t names[] = {new_str(first), new_str(second)};

    put_word(kinds + 32, 2);
    put(kinds + 48, (uint8_t[]){first_kind, second_kind}, 2);
    put_word(code + 112, new_tuple(2, names));
    put_word(code + 120, kinds);
    put_word(code + 144, new_str(qualname));
    return code;
}

static uint64_t new_cell(uint64_t value)
{
    uint64_t cell = new_object(cell_type, 40);

    put_word(cell + 32, value);
    return cell;
}

static uint64_t app, main_module; /* dicts */

static int setup(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    used = ADDRESS + 0x1000;
    type_type = 0;
    type_type = new_type("type", PYTHON_TYPE);
    str_type = new_type("str", PYTHON_STR);
    dict_type = new_type("dict", PYTHON_DICT);
    list_type = new_type("list", PYTHON_LIST);
    tuple_type = new_type("tuple", PYTHON_TUPLE);
    bytes_type = new_type("bytes", PYTHON_BYTES);
    module_type = new_type("module", 0);
    function_type = new_type("function", 0);
    code_type = new_type("code", 0);
    cell_type = new_type("cell", 0);
    modules = new_dict();
    put_word(RUNTIME + 16, INTERP);
    put_word(INTERP + 8, STATE);
    put_word(INTERP + 16, modules);
    put_word(STATE + 16, OWNER);
    main_module = new_module("__main__");
    app = new_module("app");
    plain_class = new_class("app", "Config");
    return 0;
}

static struct holders_wanted find(uint64_t object)
{
    struct holders_wanted wanted = {.address = object, .type = word_at(object + 24), .owner = OWNER};

    assert_int_equal(holders_find(&memory, RUNTIME, &wanted, 1), 0);
    return wanted;
}

static void assert_found(uint64_t object, const char *text)
{
    struct holders_wanted wanted = find(object);

    assert_int_equal(wanted.answer, HOLDERS_FOUND);
    assert_string_equal(wanted.text, text);
}

static void test_module_global(void **state)
{
    uint64_t object = new_instance(plain_class);

    (void)state;
    assert_int_equal(find(object).answer, HOLDERS_NONE);
    set(app, "cfg", object);
    assert_found(object, "module global app.cfg");
}

static void test_a_global_that_is_imported_is_one(void **state)
{
    uint64_t object = new_instance(plain_class), inner = new_module("app.inner");

    (void)state;
    set(main_module, "cfg", object);
    set(inner, "cfg", object);
    assert_found(object, "module global app.inner.cfg");
    set(app, "cfg", object);
    assert_found(object, "module global app.cfg");
    set(inner, "same", object);
    assert_int_equal(find(object).answer, HOLDERS_SEVERAL);
}

static void test_two_names(void **state)
{
    uint64_t object = new_instance(plain_class);

    (void)state;
    set(app, "first", object);
    set(app, "second", object);
    assert_int_equal(find(object).answer, HOLDERS_SEVERAL);
}

static void test_class_attribute(void **state)
{
    uint64_t object = new_instance(plain_class), service = new_class("app", "Service");

    (void)state;
    set(app, "Service", service);
    set(word_at(service + 280), "limits", object);
    assert_found(object, "class attribute app.Service.limits");
    assert_found(word_at(service + 280), "tp_dict of type app.Service");
}

static void test_attribute(void **state)
{
    uint64_t object = new_instance(plain_class), service = new_instance(new_class("app", "Service"));
    uint64_t other = new_instance(word_at(service + 24));

    (void)state;
    set(app, "service", service);
    set(dict_of(service), "cfg", object);
    assert_found(object, "attribute app.Service.cfg");
    assert_found(dict_of(service), "__dict__ of module global app.service");
    set(app, "other", other);
    set(dict_of(other), "cfg", object); /* the same attribute of another instance: as good, and called the same */
    assert_found(object, "attribute app.Service.cfg");
    set(dict_of(other), "main_cfg", object);
    assert_int_equal(find(object).answer, HOLDERS_SEVERAL);
}

static void test_items(void **state)
{
    uint64_t objects[] = {new_instance(plain_class), new_instance(plain_class), new_instance(plain_class)};
    uint64_t table = new_dict();

    (void)state;
    set(app, "POOL", new_list(1, &objects[0]));
    set(table, "db", objects[1]);
    set(table, "pair", new_tuple(1, &objects[2]));
    set(app, "TABLE", table);
    assert_found(objects[0], "item of module global app.POOL");
    assert_found(objects[1], "item 'db' of module global app.TABLE");
    assert_found(objects[2], "item of item 'pair' of module global app.TABLE");
}

/* Of two containers it cannot be said which it is, and so of what is in a container with two names. */
static void test_items_of_several(void **state)
{
    uint64_t objects[] = {new_instance(plain_class), new_instance(plain_class)};
    uint64_t shared = new_list(1, &objects[1]);

    (void)state;
    set(app, "one", new_list(1, &objects[0]));
    set(app, "two", new_list(1, &objects[0]));
    set(app, "three", shared);
    set(app, "four", shared);
    assert_int_equal(find(objects[0]).answer, HOLDERS_SEVERAL);
    assert_int_not_equal(find(objects[1]).answer, HOLDERS_FOUND);
}

static void test_fewest_steps(void **state)
{
    uint64_t object = new_instance(plain_class), service = new_instance(plain_class);

    (void)state;
    set(app, "aservice", service);
    set(dict_of(service), "cfg", object);
    set(app, "pool", new_list(1, &object));
    set(app, "cfg", object);
    assert_found(object, "module global app.cfg");
}

static void test_closure(void **state)
{
    uint64_t object = new_instance(plain_class), cell = new_cell(object), closure = new_tuple(1, &cell);
    uint64_t code = new_code("make.<locals>.work", "mine", 0x20, "state", 0x80);

    (void)state;
    set(app, "work", new_function("app", "make.<locals>.work", code, closure));
    assert_found(object, "closure state of app.make");
    assert_found(cell, "closure state of app.make");
    assert_found(closure, "func_closure of function app.make.<locals>.work");
}

/* Methods that use super() share a cell. */
static void test_class_cell(void **state)
{
    uint64_t cell = new_cell(0), closure = new_tuple(1, &cell), service = new_class("app", "Service");
    uint64_t code = new_code("Service.ping", "self", 0x20, "__class__", 0x80);

    (void)state;
    set(word_at(service + 280), "ping", new_function("app", "Service.ping", code, closure));
    set(word_at(service + 280), "pong", new_function("app", "Service.pong", code, closure));
    set(app, "Service", service);
    assert_found(cell, "closure __class__ of app.Service");
}

/* Of a large container all items are compared, but what lies behind them is looked for in the first ones only. */
static void test_large_container(void **state)
{
    enum { ITEMS = 2000 };
    uint64_t objects[] = {new_instance(plain_class), new_instance(plain_class), new_instance(plain_class)};
    uint64_t items[ITEMS] = {[10] = new_list(1, &objects[0]), [1500] = new_list(1, &objects[1]), [1999] = objects[2]};

    (void)state;
    set(app, "LARGE", new_list(ITEMS, items));
    assert_found(objects[0], "item of item of module global app.LARGE");
    assert_int_equal(find(objects[1]).answer, HOLDERS_NONE);
    assert_found(objects[2], "item of module global app.LARGE");
}

/* A frame of the thread that made the object; of another thread's, no variable counts. */
static void test_local(void **state)
{
    uint64_t object = new_instance(plain_class), frame = new_object(0, 128);
    struct holders_wanted others = {.address = object, .type = plain_class, .owner = 0};

    (void)state;
    put_word(STATE + 8, frame);
    put_word(frame, new_code("main", "mine", 0x20, "later", 0x20));
    put_word(frame + 8, 0);
    put_word(frame + 24, app);
    put_word(frame + 72, object);
    assert_found(object, "local mine of app.main");
    put_word(object, 0);
    assert_int_equal(holders_find(&memory, RUNTIME, &others, 1), 0);
    assert_int_equal(others.answer, HOLDERS_NONE);
    set(app, "cfg", object);
    assert_found(object, "module global app.cfg");
}

static void test_another_object_came(void **state)
{
    uint64_t object = new_instance(plain_class);
    struct holders_wanted other_type = {.address = object, .type = list_type, .owner = OWNER};
    struct holders_wanted other_owner = {.address = object, .type = plain_class, .owner = OWNER + 8};
    struct holders_wanted merged = {.address = object, .type = plain_class, .owner = OWNER};
    struct holders_wanted gone = {.address = ADDRESS - 0x1000, .type = plain_class, .owner = OWNER};
    struct holders_wanted wanted[] = {other_type, other_owner, gone};

    (void)state;
    set(app, "cfg", object);
    assert_int_equal(holders_find(&memory, RUNTIME, wanted, 3), 0);
    assert_int_equal(wanted[0].answer, HOLDERS_CHANGED);
    assert_int_equal(wanted[1].answer, HOLDERS_CHANGED);
    assert_int_equal(wanted[2].answer, HOLDERS_CHANGED);
    put_word(object, 0);
    put_word(object + 8, 0);
    assert_int_equal(holders_find(&memory, RUNTIME, &merged, 1), 0);
    assert_int_equal(merged.answer, HOLDERS_CHANGED); /* without a reference */
    put_word(object + 16, 1 << 2 | 3);
    assert_int_equal(holders_find(&memory, RUNTIME, &merged, 1), 0);
    assert_int_equal(merged.answer, HOLDERS_FOUND);
}

static void test_what_was_known(void **state)
{
    uint64_t object = new_instance(plain_class);
    struct holders_wanted wanted = {
        .address = object, .type = plain_class, .owner = OWNER, .known = "module global app.cfg"};

    (void)state;
    set(app, "cfg", object);
    assert_int_equal(holders_find(&memory, RUNTIME, &wanted, 1), 0);
    assert_true(wanted.still);
    set(app, "other", object);
    assert_int_equal(holders_find(&memory, RUNTIME, &wanted, 1), 0);
    assert_true(wanted.still);
    assert_int_equal(wanted.answer, HOLDERS_SEVERAL);
    wanted.known = "module global app.gone";
    assert_int_equal(holders_find(&memory, RUNTIME, &wanted, 1), 0);
    assert_false(wanted.still);
}

static void test_no_answer(void **state)
{
    struct holders_wanted wanted = {.address = new_instance(plain_class), .type = plain_class, .owner = OWNER};

    (void)state;
    put_word(INTERP + 16, 0); /* no modules yet */
    assert_int_equal(holders_find(&memory, RUNTIME, &wanted, 1), -1);
    assert_int_equal(holders_find(&memory, ADDRESS - 0x1000, &wanted, 1), -1);
    assert_int_equal(holders_find(&memory, RUNTIME, &wanted, 0), -1);
}

/* What is found is so, and what is not was perhaps just cleared. */
static void test_finalizing(void **state)
{
    uint64_t object = new_instance(plain_class), other = new_instance(plain_class);
    struct holders_wanted wanted[] = {
        {.address = object, .type = plain_class, .owner = OWNER},
        {.address = other, .type = plain_class, .owner = OWNER},
        {.address = other, .type = plain_class, .owner = OWNER, .known = "module global app.other"},
    };

    (void)state;
    set(app, "pool", new_list(1, &object));
    put_word(RUNTIME + 8, STATE);
    assert_int_equal(holders_find(&memory, RUNTIME, wanted, 3), 0);
    assert_int_equal(wanted[0].answer, HOLDERS_FOUND);
    assert_string_equal(wanted[0].text, "item of module global app.pool");
    assert_int_equal(wanted[1].answer, HOLDERS_UNSURE);
    assert_int_equal(wanted[2].answer, HOLDERS_UNSURE);
}

/* Circles, sizes that cannot be, and pointers to nowhere end the walk, and what is right is found all the same. */
static void test_damaged(void **state)
{
    uint64_t object = new_instance(plain_class), self = new_list(1, &object), huge = new_list(1, &object);
    uint64_t loose = new_class("app", "Loose");

    (void)state;
    put_word(word_at(self + 40), self);
    put_word(huge + 32, UINT64_MAX);
    put_word(loose + 272, loose);
    put_word(INTERP, INTERP);
    put_word(STATE, STATE);
    put_word(STATE + 8, UINT64_MAX & ~7ull);
    set(app, "self", self);
    set(app, "huge", huge);
    set(app, "Loose", loose);
    set(app, "loose", new_instance(loose));
    set(app, "nowhere", UINT64_MAX & ~7ull);
    set(app, "odd", ADDRESS + 1);
    set(app, "cfg", object);
    assert_found(object, "module global app.cfg");
}

/* Whatever stands there, the walk comes to an end within its memory. */
static void test_noise(void **state)
{
    uint64_t object = new_instance(plain_class), pointer;
    struct holders_wanted wanted;

    (void)state;
    set(app, "cfg", object);
    set(app, "pool", new_list(1, &object));
    for (unsigned seed = 1; seed <= 300; seed++) {
        uint8_t kept[SIZE];

        srand(seed);
        memcpy(kept, bytes, sizeof(kept));
        for (int i = 0; i < 40; i++) {
            pointer = rand() % 4 ? ADDRESS + (uint64_t)(rand() % SIZE) / 8 * 8 : (uint64_t)rand();
            put_word(ADDRESS + (uint64_t)(rand() % (int)(used - ADDRESS - 8)) / 8 * 8, pointer);
        }
        wanted = (struct holders_wanted){.address = object, .type = plain_class, .owner = OWNER};
        if (holders_find(&memory, RUNTIME, &wanted, 1) == 0 && wanted.answer == HOLDERS_FOUND)
            assert_true(strlen(wanted.text) > 0);
        memcpy(bytes, kept, sizeof(kept));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_module_global, setup),
        cmocka_unit_test_setup(test_a_global_that_is_imported_is_one, setup),
        cmocka_unit_test_setup(test_two_names, setup),
        cmocka_unit_test_setup(test_class_attribute, setup),
        cmocka_unit_test_setup(test_attribute, setup),
        cmocka_unit_test_setup(test_items, setup),
        cmocka_unit_test_setup(test_items_of_several, setup),
        cmocka_unit_test_setup(test_fewest_steps, setup),
        cmocka_unit_test_setup(test_closure, setup),
        cmocka_unit_test_setup(test_class_cell, setup),
        cmocka_unit_test_setup(test_large_container, setup),
        cmocka_unit_test_setup(test_local, setup),
        cmocka_unit_test_setup(test_another_object_came, setup),
        cmocka_unit_test_setup(test_what_was_known, setup),
        cmocka_unit_test_setup(test_no_answer, setup),
        cmocka_unit_test_setup(test_finalizing, setup),
        cmocka_unit_test_setup(test_damaged, setup),
        cmocka_unit_test_setup(test_noise, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

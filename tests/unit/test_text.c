/* Python strings as they lie in memory, as UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "profile/utf8.h"
#include "resolve/text.h"

/* length characters of width bytes each, of which BPF copied what fits; width 0 for a C string. */
static struct abi_text text_of(const void *units, uint32_t length, uint8_t width)
{
    size_t bytes = (size_t)length * (width ? width : 1);
    struct abi_text text = {.length = length, .width = width};

    text.bytes = bytes < ABI_TEXT ? bytes : ABI_TEXT;
    memcpy(text.data, units, text.bytes);
    return text;
}

static void check(const void *units, uint32_t length, uint8_t width, const char *expected)
{
    struct abi_text text = text_of(units, length, width);
    char into[2 * ABI_TEXT + 16];

    assert_true(text_utf8(&text, into, sizeof(into)));
    assert_string_equal(into, expected);
}

static void widths(void **state)
{
    static const uint16_t two[] = {'a', 0xe9, 0x65e5, 0x7ff, 0x800};
    static const uint32_t four[] = {0x1f600, 0x10ffff, 'z'};

    (void)state;
    check("square", 6, 1, "square");
    check("b\xeata", 4, 1, "b\xc3\xaata"); /* Latin-1 */
    check("\x7f\x80\xff", 3, 1, "\x7f\xc2\x80\xc3\xbf");
    check(two, 5, 2, "a\xc3\xa9\xe6\x97\xa5\xdf\xbf\xe0\xa0\x80");
    check(four, 3, 4, "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbfz");
}

/* What stands for no character of its own would end a C string or make the profile's text invalid. */
static void no_characters(void **state)
{
    static const uint16_t two[] = {0xd800, 'x', 0xdfff, 0xe000};
    static const uint32_t four[] = {0x110000, 0xdc00, 0xffffffff, '!'};

    (void)state;
    check("a\0b", 3, 1, "a" UTF8_REPLACEMENT "b");
    check(two, 4, 2, UTF8_REPLACEMENT "x" UTF8_REPLACEMENT "\xee\x80\x80");
    check(four, 4, 4, UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT "!");
}

static void no_text(void **state)
{
    struct abi_text text = {.length = 5, .width = 1};
    char into[64] = "before";

    (void)state;
    assert_false(text_utf8(&text, into, sizeof(into)));
    assert_string_equal(into, "");
    text = text_of("abc", 3, 1);
    text.width = 3;
    assert_false(text_utf8(&text, into, sizeof(into)));
    text.width = 8;
    assert_false(text_utf8(&text, into, sizeof(into)));
}

/* BPF copies so many bytes; that there were more shows. */
static void cut_by_the_copy(void **state)
{
    char units[ABI_TEXT + 8], expected[ABI_TEXT + 8];
    uint16_t two[ABI_TEXT];

    (void)state;
    memset(units, 'x', sizeof(units));
    memset(expected, 'x', sizeof(expected));
    strcpy(expected + ABI_TEXT, "…");
    check(units, ABI_TEXT + 1, 1, expected);
    expected[ABI_TEXT] = '\0';
    check(units, ABI_TEXT, 1, expected);
    for (int i = 0; i < ABI_TEXT; i++)
        two[i] = 'y';
    memset(expected, 'y', ABI_TEXT / 2);
    strcpy(expected + ABI_TEXT / 2, "…");
    check(two, ABI_TEXT, 2, expected);
}

/* The longest that Latin-1 can become fits what name.c gives it. */
static void longest(void **state)
{
    char units[ABI_TEXT], into[2 * ABI_TEXT + 16];
    struct abi_text text;

    (void)state;
    memset(units, 0xe9, sizeof(units));
    text = text_of(units, ABI_TEXT, 1);
    assert_true(text_utf8(&text, into, sizeof(into)));
    assert_int_equal(strlen(into), 2 * ABI_TEXT);
    text.length = ABI_TEXT + 1;
    assert_true(text_utf8(&text, into, sizeof(into)));
    assert_int_equal(strlen(into), 2 * ABI_TEXT + 3);
}

/* Whatever the room, the text ends within it, with whole characters, and says that it was cut. */
static void cut_by_the_room(void **state)
{
    static const uint32_t four[] = {0x1f600, 0x1f601, 0x1f602, 0x1f603};
    struct abi_text text = text_of(four, 4, 4);

    (void)state;
    for (size_t size = 1; size < 40; size++) {
        char into[48];

        memset(into, '#', sizeof(into));
        assert_true(text_utf8(&text, into, size));
        assert_true(strlen(into) < size);
        for (size_t i = size; i < sizeof(into); i++)
            assert_int_equal(into[i], '#');
        assert_true(utf8_valid(into, strlen(into)));
        assert_true(size < 4 || strlen(into) == 16 || strcmp(into + strlen(into) - 3, "…") == 0);
    }
}

/* A type's tp_name: taken to be UTF-8, and cut where BPF's copy with its NUL was full. */
static void c_strings(void **state)
{
    char units[ABI_TEXT], expected[ABI_TEXT + 8];

    (void)state;
    check("collections.deque", 17, 0, "collections.deque");
    check("\xc3\xa9t\xc3\xa9", 5, 0, "\xc3\xa9t\xc3\xa9");
    memset(units, 'x', sizeof(units));
    memset(expected, 'x', sizeof(expected));
    strcpy(expected + ABI_TEXT - 1, "…");
    check(units, ABI_TEXT - 1, 0, expected);
    expected[ABI_TEXT - 2] = '\0';
    check(units, ABI_TEXT - 2, 0, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths),          cmocka_unit_test(no_characters), cmocka_unit_test(no_text),
        cmocka_unit_test(cut_by_the_copy), cmocka_unit_test(longest),       cmocka_unit_test(cut_by_the_room),
        cmocka_unit_test(c_strings),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}

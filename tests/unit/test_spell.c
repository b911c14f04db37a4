/* Words as a shell takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "profile/spell.h"

#include <cmocka.h>

static void spells(const char *word, const char *wanted)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    spell_word(out, word);
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

static void plain_words_stay(void **state)
{
    (void)state;
    spells("python3.13t", "python3.13t");
    spells("--limit=5,7", "--limit=5,7");
    spells("/opt/app/a_b+c@d%e:f", "/opt/app/a_b+c@d%e:f");
}

static void what_a_shell_would_act_on_is_quoted(void **state)
{
    (void)state;
    spells("", "''");
    spells("a b", "'a b'");
    spells("$HOME", "'$HOME'");
    spells("~", "'~'");
    spells("back\\slash", "'back\\slash'");
    spells("it's \"so\"", "'it'\\''s \"so\"'");
    spells("größe 鍵", "'größe 鍵'");
}

static void what_cannot_be_shown_is_written_out(void **state)
{
    (void)state;
    spells("import x\nx.run('a\\b')", "$'import x\\nx.run(\\'a\\\\b\\')'");
    spells("\0337", "$'\\0337'");
    spells("caf\xe9", "$'caf\\351'");
    spells("ü\t\x7f", "$'ü\\t\\177'");
    spells("\xe2\x80\xae", "$'\\342\\200\\256'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_words_stay),
        cmocka_unit_test(what_a_shell_would_act_on_is_quoted),
        cmocka_unit_test(what_cannot_be_shown_is_written_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

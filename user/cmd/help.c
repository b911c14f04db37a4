#include "cmd/help.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 80
#define TEXT_COLUMN 24 /* where what an option means begins */

const char *const program_notes[] = {
    "hotref finds the places where a free-threaded CPython changes the reference counts of objects that other threads own, "
    "counts or samples there with eBPF, and gives what it finds names: the object, the field through which threads reach "
    "it, the line, the C function, the remedy. The interpreter is the one that runs already, unmodified.",
    "'record' needs root; everything that comes after it needs no privilege and works on another machine, too.",
    "docs/reading.md (share/doc/hotref/docs, where it is installed) reads a profile step by step: which object, which line, "
    "since when, what to do. README.md beside that folder explains every column.",
    NULL};

const struct command_item program_examples[] = {
    {"sudo hotref record -- python3.14t app.py", "count in a command, until it ends"},
    {"sudo hotref record -p 4711 -d 10", "look at a process that runs, for ten seconds"},
    {"hotref report --explain", "what was found, and what to do about it"},
    {"hotref report -f flamegraph -o flame.html", "the same, for a browser"},
    {"hotref doctor", "what this machine lacks"},
    {0}};

const struct command_item program_environment[] = {
    {"NO_COLOR", "where it is set and not empty, no colour is used on terminals"},
    {"HOTREF_PYTHON", "an interpreter that 'hotref doctor' looks at first"},
    {"XDG_CACHE_HOME", "where scans of interpreters are kept, in hotref/ (default: ~/.cache)"},
    {0}};

const struct command_item program_files[] = {
    {"hotref.prof", "the profile, in the current folder, unless -o or -i names another"},
    {"~/.cache/hotref/scans/", "what was found in the machine code of an interpreter, by build id"},
    {0}};

/* text, its words broken into lines that go no further than WIDTH; column is where out stands. */
static void wrap(FILE *out, const char *text, size_t indent, size_t column)
{
    bool first = true;

    while (*text) {
        size_t length = strcspn(text, " ");

        if (!first && column + 1 + length > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", (int)length, text);
        column += length + !first;
        first = false;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* head at indent, and what it means from text on: on the same line where head is short. */
static void print_entry(FILE *out, const char *head, const char *meaning, size_t indent, size_t text)
{
    size_t column = indent + strlen(head);

    fprintf(out, "%*s%s", (int)indent, "", head);
    if (column + 2 > text) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", (int)(text - column), "");
    wrap(out, meaning, text, text);
}

/* " FILE", "[=WAY]" */
static void print_value(FILE *out, const struct command_option *option)
{
    if (option->value)
        fprintf(out, "%s%s", strncmp(option->value, "[=", 2) == 0 ? "" : " ", option->value);
}

void help_synopsis(const struct command_option *option, FILE *out)
{
    bool needed = option->traits & OPTION_NEEDED;

    fputs(needed ? "" : "[", out);
    if (option->key < LONG(0))
        fprintf(out, "-%c", option->key);
    else
        fprintf(out, "--%s", option->name);
    print_value(out, option);
    fputs(needed ? "" : "]", out);
    fputs(option->traits & OPTION_REPEATS ? "..." : "", out);
}

static char *text_of(void (*print)(const struct command_option *option, FILE *out), const struct command_option *option)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out) {
        print(option, out);
        fclose(out);
    }
    return text;
}

static size_t add_word(FILE *out, const char *word, size_t indent, size_t column)
{
    if (column + 1 + strlen(word) > WIDTH) {
        fprintf(out, "\n%*s", (int)indent, "");
        column = indent;
    }
    return column + (size_t)fprintf(out, " %s", word);
}

static void print_usage(const struct command *command, FILE *out)
{
    size_t indent = (size_t)fprintf(out, "usage: hotref %s", command->name), column = indent;

    if (command->operands && command->mixed)
        column = add_word(out, command->operands, indent, column);
    for (const struct command_option *option = command->options; option && option->name; option++) {
        char *word = text_of(help_synopsis, option);

        if (word)
            column = add_word(out, word, indent, column);
        free(word);
    }
    if (command->operands && !command->mixed)
        add_word(out, command->operands, indent, column);
    fprintf(out, "\n\n%s.\n", command->summary);
}

/* "-p, --pid PID" */
static void print_head(const struct command_option *option, FILE *out)
{
    if (option->key < LONG(0))
        fprintf(out, "-%c, ", option->key);
    else
        fputs("    ", out);
    fprintf(out, "--%s", option->name);
    print_value(out, option);
}

static void print_values(const struct command_option *option, FILE *out)
{
    size_t longest = 0;

    for (size_t i = 0; option->values && option->values(i).name; i++) {
        size_t length = strlen(option->values(i).name);

        longest = length > longest ? length : longest;
    }
    for (size_t i = 0; option->values && option->values(i).name; i++)
        print_entry(out, option->values(i).name, option->values(i).meaning, TEXT_COLUMN + 2,
                    TEXT_COLUMN + 2 + longest + 2);
}

static void print_options(const struct command *command, FILE *out)
{
    if (command->options)
        fputc('\n', out);
    for (const struct command_option *option = command->options; option && option->name; option++) {
        char *head = text_of(print_head, option);

        if (head)
            print_entry(out, head, option->meaning, 2, TEXT_COLUMN);
        free(head);
        print_values(option, out);
    }
}

static void print_items(FILE *out, const char *title, const struct command_item *items, size_t text)
{
    if (items)
        fprintf(out, "\n%s:\n", title);
    for (; items && items->name; items++)
        print_entry(out, items->name, items->meaning, 2, text);
}

static void print_notes(const char *const *notes, FILE *out)
{
    for (; notes && *notes; notes++) {
        fputc('\n', out);
        wrap(out, *notes, 0, 0);
    }
}

void help_command(const struct command *command, FILE *out)
{
    print_usage(command, out);
    print_options(command, out);
    print_notes(command->notes, out);
    print_items(out, "environment", command->environment, TEXT_COLUMN);
    print_items(out, "exit status", command->statuses, 8);
    print_items(out, "examples", command->examples, 6);
}

void help_program(FILE *out)
{
    fprintf(out, "usage: hotref COMMAND [ARGUMENTS]\n\n%s.\n\n", PROGRAM_SUMMARY);
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->hidden)
            fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\n'hotref COMMAND --help' tells more of each; 'hotref --version' the version.\n", out);
}

#include "cmd/manual.h"

#include <string.h>

#include "cmd/help.h"

/* text as roff takes it: a hyphen is one that can be typed, and no line begins with a request. */
static void print_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\'')
            fputs("\\(aq", out);
        else if (*text == '~')
            fputs("\\(ti", out);
        else if (*text == '^')
            fputs("\\(ha", out);
        else if (*text == '`')
            fputs("\\(ga", out);
        else
            fputc(*text, out);
    }
}

static void print_font(FILE *out, char font, const char *text)
{
    fprintf(out, "\\f%c", font);
    print_text(out, text);
    fputs("\\fR", out);
}

/* Roff's own order: title, section, date (the version's, not the build's), source, manual. */
static void print_title(FILE *out, const char *title, const char *name, const char *summary)
{
    fprintf(out, ".\\\" Made of the command table by 'hotref generate man'.\n"
                 ".TH \"%s\" 1 \"" HOTREF_DATE "\" \"hotref " HOTREF_VERSION "\" \"User Commands\"\n.SH NAME\n", title);
    print_text(out, name);
    fputs(" \\- ", out);
    print_text(out, summary);
    fputc('\n', out);
}

static void print_paragraphs(FILE *out, const char *const *paragraphs)
{
    for (bool first = true; paragraphs && *paragraphs; paragraphs++, first = false) {
        fputs(first ? "" : ".PP\n", out);
        print_text(out, *paragraphs);
        fputc('\n', out);
    }
}

static void print_items(FILE *out, const char *title, const struct command_item *items)
{
    if (items)
        fprintf(out, ".SH %s\n", title);
    for (; items && items->name; items++) {
        fputs(".TP\n", out);
        print_font(out, 'B', items->name);
        fputc('\n', out);
        print_text(out, items->meaning);
        fputc('\n', out);
    }
}

static void print_option(FILE *out, const struct command_option *option)
{
    fputs(".TP\n", out);
    if (option->key < LONG(0))
        fprintf(out, "\\fB\\-%c\\fR, ", option->key);
    fputs("\\fB\\-\\-", out);
    print_text(out, option->name);
    fputs("\\fR", out);
    if (option->value) {
        fputs(strncmp(option->value, "[=", 2) == 0 ? "" : " ", out);
        print_font(out, 'I', option->value);
    }
    fputc('\n', out);
    print_text(out, option->meaning);
    fputc('\n', out);
    if (!option->values)
        return;
    fputs(".RS\n", out);
    for (size_t i = 0; option->values(i).name; i++) {
        fputs(".TP\n", out);
        print_font(out, 'B', option->values(i).name);
        fputc('\n', out);
        print_text(out, option->values(i).meaning);
        fputc('\n', out);
    }
    fputs(".RE\n", out);
}

static void print_synopsis(FILE *out, const struct command *command)
{
    fprintf(out, ".SH SYNOPSIS\n.nh\n\\fBhotref %s\\fR", command->name);
    if (command->operands && command->mixed) {
        fputc(' ', out);
        print_text(out, command->operands);
    }
    for (const struct command_option *option = command->options; option && option->name; option++) {
        char word[128] = "";
        FILE *into = fmemopen(word, sizeof(word), "w");

        if (!into)
            continue;
        help_synopsis(option, into);
        fclose(into);
        fputc('\n', out);
        print_text(out, word);
        fputs("\\&", out); /* its dots end no sentence */
    }
    if (command->operands && !command->mixed) {
        fputc('\n', out);
        print_text(out, command->operands);
    }
    fputs("\n.hy\n", out);
}

static void print_see_also(FILE *out, const struct command *but)
{
    bool first = true;

    fputs(".SH SEE ALSO\n", out);
    if (but) {
        fputs("\\fBhotref\\fR(1)", out);
        first = false;
    }
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden || commands[i] == but)
            continue;
        fprintf(out, "%s\\fBhotref\\-%s\\fR(1)", first ? "" : ",\n", commands[i]->name);
        first = false;
    }
    fputc('\n', out);
}

void manual_command(const struct command *command, FILE *out)
{
    char title[64], name[64];

    snprintf(name, sizeof(name), "hotref-%s", command->name);
    snprintf(title, sizeof(title), "%s", name);
    for (char *letter = title; *letter; letter++)
        *letter = *letter >= 'a' && *letter <= 'z' ? (char)(*letter - 'a' + 'A') : *letter;
    print_title(out, title, name, command->summary);
    print_synopsis(out, command);
    if (command->notes)
        fputs(".SH DESCRIPTION\n", out);
    print_paragraphs(out, command->notes);
    if (command->options)
        fputs(".SH OPTIONS\n", out);
    for (const struct command_option *option = command->options; option && option->name; option++)
        print_option(out, option);
    print_items(out, "ENVIRONMENT", command->environment);
    print_items(out, "EXIT STATUS", command->statuses);
    print_items(out, "EXAMPLES", command->examples);
    print_see_also(out, command);
}

void manual_program(FILE *out)
{
    print_title(out, "HOTREF", "hotref", PROGRAM_SUMMARY);
    fputs(".SH SYNOPSIS\n\\fBhotref\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n.SH DESCRIPTION\n", out);
    print_paragraphs(out, program_notes);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        fprintf(out, ".TP\n\\fBhotref\\-%s\\fR(1)\n", commands[i]->name);
        print_text(out, commands[i]->summary);
        fputc('\n', out);
    }
    fputs(".SH OPTIONS\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nwhat the commands are; behind a command, what it "
          "takes\n.TP\n\\fB\\-\\-version\\fR\nthe version\n",
          out);
    print_items(out, "EXAMPLES", program_examples);
    print_items(out, "ENVIRONMENT", program_environment);
    print_items(out, "FILES", program_files);
    print_see_also(out, NULL);
}

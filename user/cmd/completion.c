#include <string.h>

#include "cmd/manual.h"

/* What a shell completes the value of an option from. */
enum source { SOURCE_NONE, SOURCE_VALUES, SOURCE_FILES, SOURCE_PIDS };

static enum source source_of(const struct command_option *option)
{
    if (option->values)
        return SOURCE_VALUES;
    if (option->value && strcmp(option->value, "FILE") == 0)
        return SOURCE_FILES;
    return option->value && strcmp(option->value, "PID") == 0 ? SOURCE_PIDS : SOURCE_NONE;
}

static bool is_needed(const struct command_option *option)
{
    return option->value && option->value[0] != '[';
}

/* "--normalize=": the value has to follow at once. */
static bool is_joined(const struct command_option *option)
{
    return option->value && strncmp(option->value, "[=", 2) == 0;
}

static void print_values(FILE *out, const struct command_option *option)
{
    for (size_t i = 0; option->values(i).name; i++)
        fprintf(out, "%s%s", i ? " " : "", option->values(i).name);
}

static void print_commands(FILE *out)
{
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->hidden)
            fprintf(out, "%s ", commands[i]->name);
    }
}

/* Where the first sentence ends, or what stands before a bracket or a colon. */
static size_t first_part(const char *text)
{
    size_t length = 0;

    while (text[length] && !strchr(";:(", text[length]) &&
           !(text[length] == '.' && (text[length + 1] == ' ' || !text[length + 1])))
        length++;
    while (length && text[length - 1] == ' ')
        length--;
    return length;
}

/* What is enough beside an option: that part, of whole words in most bytes, without what a shell would read. */
static void print_short(FILE *out, const char *text, size_t most)
{
    size_t whole = first_part(text), length = whole;

    if (length > most) {
        for (length = most; length > 0 && text[length] != ' ';)
            length--;
    }
    for (size_t i = 0; i < length; i++)
        fputc(strchr("'\"`$\\[]", text[i]) ? ' ' : text[i], out);
    fputs(length < whole ? "..." : "", out);
}

/* bash */

static void bash_value(FILE *out, const struct command_option *option)
{
    static const char *const replies[] = {
        [SOURCE_FILES] = "_hotref_files", [SOURCE_PIDS] = "_hotref_words \"$(_hotref_pids)\"", [SOURCE_NONE] = ":"};
    enum source source = source_of(option);

    fputs("        ", out);
    if (option->key < LONG(0))
        fprintf(out, "-%c | ", option->key);
    if (is_needed(option))
        fprintf(out, "--%s | ", option->name);
    fprintf(out, "=--%s) ", option->name);
    if (source == SOURCE_VALUES) {
        fputs("_hotref_words '", out);
        print_values(out, option);
        fputs("'", out);
    } else {
        fputs(replies[source], out);
    }
    fputs("; return ;;\n", out);
}

static void bash_operands(FILE *out, const struct command *command)
{
    static const char *const replies[] = {[OPERANDS_NONE] = ":", [OPERANDS_COMMAND] = "_hotref_words '--'",
                                          [OPERANDS_FILES] = "_hotref_files",
                                          [OPERANDS_PROCESS] = "_hotref_files; _hotref_more \"$(_hotref_pids)\""};

    fprintf(out, "        *) %s ;;\n", replies[command->operand_kind]);
}

static void bash_command(FILE *out, const struct command *command)
{
    fprintf(out, "    %s)\n", command->name);
    if (command->operand_kind == OPERANDS_COMMAND)
        fputs("        _hotref_command && return\n", out);
    fputs("        case $joined$previous in\n", out);
    for (const struct command_option *option = command->options; option && option->name; option++) {
        if (is_needed(option) || is_joined(option))
            bash_value(out, option);
    }
    fputs("        esac\n        case $current in\n        -*) _hotref_words '--help", out);
    for (const struct command_option *option = command->options; option && option->name; option++) {
        if (option->key < LONG(0))
            fprintf(out, " -%c", option->key);
        fprintf(out, " --%s", option->name);
    }
    fputs("' ;;\n", out);
    bash_operands(out, command);
    fputs("        esac ;;\n", out);
}

void completion_bash(FILE *out)
{
    fputs("# Completes hotref's arguments in bash. Made of the command table by 'hotref generate bash'.\n\n"
          "_hotref_more() { local words; mapfile -t words < <(compgen -W \"$1\" -- \"$current\"); COMPREPLY+=(\"${words[@]}\"); }\n"
          "_hotref_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\"); }\n"
          "_hotref_files() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); }\n"
          "_hotref_pids() { local folder; for folder in /proc/[0-9]*; do echo \"${folder#/proc/}\"; done; }\n\n"
          "# Behind '--' stands another command, with arguments of its own.\n"
          "_hotref_command()\n{\n    local i\n"
          "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "        [ \"${COMP_WORDS[i]}\" = -- ] || continue\n"
          "        if declare -F _command_offset > /dev/null; then\n"
          "            _command_offset $((i + 1))\n"
          "        elif ((i + 1 == COMP_CWORD)); then\n"
          "            mapfile -t COMPREPLY < <(compgen -c -- \"$current\")\n"
          "        else\n"
          "            _hotref_files\n"
          "        fi\n"
          "        return 0\n"
          "    done\n"
          "    return 1\n}\n\n"
          "_hotref()\n{\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} joined=\n"
          "    COMPREPLY=()\n"
          "    # '--mode=exact' is three words to bash.\n"
          "    if [ \"$current\" = = ]; then\n"
          "        current=''; joined=\"=\"\n"
          "    elif [ \"$previous\" = = ]; then\n"
          "        previous=${COMP_WORDS[COMP_CWORD-2]}; joined=\"=\"\n"
          "    fi\n"
          "    if [ -n \"$joined\" ] && [[ $previous != -* ]]; then\n"
          "        _hotref_files # junit=FILE\n"
          "        return\n"
          "    fi\n"
          "    if ((COMP_CWORD == 1)); then\n        _hotref_words '",
          out);
    print_commands(out);
    fputs("help --help --version'\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n    help) _hotref_words '", out);
    print_commands(out);
    fputs("' ;;\n", out);
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->hidden)
            bash_command(out, commands[i]);
    }
    fputs("    esac\n}\n\ncomplete -F _hotref hotref\n", out);
}

/* zsh */

static void zsh_value(FILE *out, const struct command_option *option)
{
    enum source source = source_of(option);

    if (!option->value)
        return;
    fprintf(out, "%s:", is_needed(option) ? "" : ":");
    print_short(out, is_needed(option) ? option->value : "value", 20);
    if (source == SOURCE_VALUES) {
        fputs(":(", out);
        print_values(out, option);
        fputs(")", out);
    } else {
        fputs(source == SOURCE_FILES ? ":_files" : source == SOURCE_PIDS ? ":_pids" : ": ", out);
    }
}

/* 'spec' of _arguments, for the letter or the name. */
static void zsh_option(FILE *out, const struct command_option *option, bool letter)
{
    fprintf(out, "            '%s", option->traits & OPTION_REPEATS ? "*" : "");
    if (!(option->traits & OPTION_REPEATS) && option->key < LONG(0))
        fprintf(out, "(-%c --%s)", option->key, option->name);
    if (letter)
        fprintf(out, "-%c%s[", option->key, is_needed(option) ? "+" : "");
    else
        fprintf(out, "--%s%s[", option->name, is_needed(option) ? "=" : is_joined(option) ? "=-" : "");
    print_short(out, option->meaning, 70);
    fputc(']', out);
    zsh_value(out, option);
    fputs("' \\\n", out);
}

static void zsh_command(FILE *out, const struct command *command)
{
    static const char *const operands[] = {[OPERANDS_NONE] = "", [OPERANDS_COMMAND] = " \\\n            '*::: : _normal'",
                                           [OPERANDS_FILES] = " \\\n            '*:profile:_files'",
                                           [OPERANDS_PROCESS] = " \\\n            '1:binary or process:_alternative \"files:file:_files\" \"pids:process:_pids\"'"};

    fprintf(out, "    %s)\n        _arguments -s -S \\\n", command->name);
    for (const struct command_option *option = command->options; option && option->name; option++) {
        if (option->key < LONG(0))
            zsh_option(out, option, true);
        zsh_option(out, option, false);
    }
    fprintf(out, "            '(- *)--help[what it takes]'%s ;;\n", operands[command->operand_kind]);
}

void completion_zsh(FILE *out)
{
    fputs("#compdef hotref\n# Completes hotref's arguments in zsh. Made of the command table by 'hotref generate zsh'.\n\n"
          "local -a commands=(\n",
          out);
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        fprintf(out, "    '%s:", commands[i]->name);
        print_short(out, commands[i]->summary, 100);
        fputs("'\n", out);
    }
    fputs(")\n\nif ((CURRENT == 2)); then\n    _describe -t commands 'command' commands\n"
          "    _values 'option' --help --version\n    return\nfi\n\n"
          "local command=$words[2]\nshift words\n((CURRENT--))\ncase $command in\n    help) _describe -t commands 'command' commands ;;\n",
          out);
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->hidden)
            zsh_command(out, commands[i]);
    }
    fputs("esac\n", out);
}

/* fish */

static void fish_values(FILE *out, const struct command_option *option)
{
    fputs(" -x -a \"", out);
    for (size_t i = 0; option->values(i).name; i++) {
        fprintf(out, "%s%s\\t'", i ? " " : "", option->values(i).name);
        print_short(out, option->values(i).meaning, 60);
        fputs("'", out);
    }
    fputs("\"", out);
}

static void fish_option(FILE *out, const struct command *command, const struct command_option *option)
{
    enum source source = source_of(option);

    fprintf(out, "complete -c hotref -n '__fish_seen_subcommand_from %s; and not __hotref_behind_dashes' -l %s", command->name,
            option->name);
    if (option->key < LONG(0))
        fprintf(out, " -s %c", option->key);
    if (source == SOURCE_VALUES)
        fish_values(out, option);
    else if (is_needed(option))
        fputs(source == SOURCE_FILES  ? " -r -F"
              : source == SOURCE_PIDS ? " -x -a '(__fish_complete_pids)'"
                                      : " -x",
              out);
    fputs(" -d '", out);
    print_short(out, option->meaning, 70);
    fputs("'\n", out);
}

static void fish_operands(FILE *out, const struct command *command)
{
    if (command->operand_kind == OPERANDS_FILES || command->operand_kind == OPERANDS_PROCESS)
        fprintf(out, "complete -c hotref -n '__fish_seen_subcommand_from %s' -F\n", command->name);
    if (command->operand_kind == OPERANDS_PROCESS)
        fprintf(out, "complete -c hotref -n '__fish_seen_subcommand_from %s' -a '(__fish_complete_pids)'\n", command->name);
    if (command->operand_kind == OPERANDS_COMMAND)
        fprintf(out, "complete -c hotref -n '__fish_seen_subcommand_from %s; and __hotref_behind_dashes' -x -a "
                     "'(__hotref_command)'\n",
                command->name);
}

void completion_fish(FILE *out)
{
    fputs("# Completes hotref's arguments in fish. Made of the command table by 'hotref generate fish'.\n\n"
          "function __hotref_behind_dashes\n    contains -- -- (commandline -opc)\nend\n\n"
          "function __hotref_command\n    set -l words (commandline -opc) (commandline -ct)\n"
          "    while test (count $words) -gt 0; and test \"$words[1]\" != --\n        set -e words[1]\n    end\n"
          "    set -e words[1]\n    complete -C (string join ' ' -- (string escape -- $words[1..-2]) $words[-1])\nend\n\n"
          "complete -c hotref -f\n"
          "complete -c hotref -n __fish_use_subcommand -l version -d 'the version'\n"
          "complete -c hotref -n 'not __hotref_behind_dashes' -s h -l help -d 'what it takes'\n",
          out);
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        fprintf(out, "complete -c hotref -n __fish_use_subcommand -a %s -d '", commands[i]->name);
        print_short(out, commands[i]->summary, 70);
        fputs("'\n", out);
        for (const struct command_option *option = commands[i]->options; option && option->name; option++)
            fish_option(out, commands[i], option);
        fish_operands(out, commands[i]);
    }
}

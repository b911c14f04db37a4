#include "resolve/name.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolve/text.h"

/* Longest text in UTF-8: every character of a Latin-1 string may take two bytes. */
#define TEXT_SIZE (2 * ABI_TEXT + 16)

/* An int's lv_tag: Include/cpython/longintrepr.h (3.13 and later): sign in bits 0-1, digits of 30 bits from bit 3. */
#define INT_SIGN(tag) ((tag) & 3)
#define INT_DIGITS(tag) ((tag) >> 3)
#define INT_DIGIT_BITS 30

void name_type(const struct abi_event *event, char *into, size_t size)
{
    char name[TEXT_SIZE], module[TEXT_SIZE], full[TEXT_SIZE];
    bool has_name = text_utf8(&event->text[0], name, sizeof(name));
    bool has_module = text_utf8(&event->text[1], module, sizeof(module));

    if (!event->heap || !has_name) {
        snprintf(into, size, "%s", name);
        return;
    }
    /* C code makes heap types by specs whose names hold the module: tp_name is the whole of it then. */
    if (text_utf8(&event->text[2], full, sizeof(full)) && strchr(full, '.') && !has_module)
        snprintf(into, size, "%s", full);
    else if (has_module && strcmp(module, "builtins") != 0)
        snprintf(into, size, "%s.%s", module, name);
    else
        snprintf(into, size, "%s", name);
}

/* As in a traceback, but short: "app.py", "pkg/__init__.py". */
static const char *short_path(const char *path)
{
    const char *last = strrchr(path, '/'), *parent = last;

    if (!last)
        return path;
    if (strncmp(last, "/__", 3) != 0)
        return last + 1;
    while (parent > path && parent[-1] != '/')
        parent--;
    return parent;
}

static void name_code(const struct abi_event *event, char *into, size_t size)
{
    char qualname[TEXT_SIZE], file[TEXT_SIZE];

    text_utf8(&event->text[0], qualname, sizeof(qualname));
    text_utf8(&event->text[1], file, sizeof(file));
    snprintf(into, size, "code %s (%s:%u)", qualname, short_path(file), (unsigned)event->words[0]);
}

static void name_int(const struct abi_event *event, char *into, size_t size)
{
    uint64_t digits = INT_DIGITS(event->words[0]);
    uint64_t value = (uint32_t)event->words[1];

    if (digits > 2) {
        snprintf(into, size, "int of %llu digits of %d bits", (unsigned long long)digits, INT_DIGIT_BITS);
        return;
    }
    if (digits == 2)
        value |= (event->words[1] >> 32) << INT_DIGIT_BITS;
    snprintf(into, size, "int %s%llu", INT_SIGN(event->words[0]) == 2 ? "-" : "", (unsigned long long)value);
}

/* The fewest digits that read back as the same number. */
static int shortest_precision(double value, int *exponent)
{
    char digits[64];
    int precision;

    for (precision = 1; precision < 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*e", precision - 1, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    snprintf(digits, sizeof(digits), "%.*e", precision - 1, value);
    *exponent = atoi(strchr(digits, 'e') + 1);
    return precision;
}

/* As repr() does: whole up to 1e16, and no sign where there is no number. */
static void name_float(const struct abi_event *event, char *into, size_t size)
{
    char digits[64];
    double value;
    int precision, exponent;

    memcpy(&value, &event->words[0], sizeof(value));
    if (!isfinite(value)) {
        snprintf(into, size, "float %s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    precision = shortest_precision(value, &exponent);
    if (exponent >= 16)
        snprintf(digits, sizeof(digits), "%.*e", precision - 1, value);
    else
        snprintf(digits, sizeof(digits), "%.*g", precision > exponent ? precision : exponent + 1, value);
    snprintf(into, size, "float %s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
}

static void name_dict(const struct abi_event *event, char *into, size_t size)
{
    char name[TEXT_SIZE], first[TEXT_SIZE], second[TEXT_SIZE];
    bool has_first = text_utf8(&event->text[1], first, sizeof(first));
    bool has_second = text_utf8(&event->text[2], second, sizeof(second));

    if (text_utf8(&event->text[0], name, sizeof(name)))
        snprintf(into, size, strcmp(name, "builtins") == 0 ? "builtins" : "globals of %s", name);
    else if (has_first && has_second)
        snprintf(into, size, "dict {'%s', '%s', …}", first, second);
    else if (has_first)
        snprintf(into, size, "dict {'%s'}", first);
    else
        snprintf(into, size, "dict");
}

static void name_qualified(const struct abi_event *event, const char *kind, char *into, size_t size)
{
    char qualname[TEXT_SIZE], module[TEXT_SIZE];

    text_utf8(&event->text[0], qualname, sizeof(qualname));
    if (text_utf8(&event->text[1], module, sizeof(module)) ||
        (event->kind == ABI_KIND_CFUNCTION && text_utf8(&event->text[2], module, sizeof(module))))
        snprintf(into, size, "%s %s.%s", kind, module, qualname);
    else
        snprintf(into, size, "%s %s", kind, qualname);
}

static void name_descriptor(const struct abi_event *event, const char *type, char *into, size_t size)
{
    char name[TEXT_SIZE], owner[TEXT_SIZE];

    text_utf8(&event->text[0], name, sizeof(name));
    text_utf8(&event->text[1], owner, sizeof(owner));
    snprintf(into, size, "%s %s.%s", type, owner, name);
}

static void name_quoted(const struct abi_event *event, char *into, size_t size)
{
    char text[TEXT_SIZE];

    text_utf8(&event->text[0], text, sizeof(text));
    snprintf(into, size, "str '%s'", text);
}

static void name_class(const struct abi_event *event, char *into, size_t size)
{
    char name[NAME_SIZE];

    name_type(event, name, sizeof(name));
    snprintf(into, size, "type %s", name);
}

void name_object(const struct abi_event *event, const char *type, char *into, size_t size)
{
    switch (event->kind) {
    case ABI_KIND_STR:
        return name_quoted(event, into, size);
    case ABI_KIND_INT:
        return name_int(event, into, size);
    case ABI_KIND_FLOAT:
        return name_float(event, into, size);
    case ABI_KIND_CODE:
        return name_code(event, into, size);
    case ABI_KIND_FUNCTION:
        return name_qualified(event, "function", into, size);
    case ABI_KIND_METHOD:
        return name_qualified(event, "method", into, size);
    case ABI_KIND_CFUNCTION:
        return name_qualified(event, "function", into, size);
    case ABI_KIND_MODULE:
        return name_qualified(event, "module", into, size);
    case ABI_KIND_TYPE:
        return name_class(event, into, size);
    case ABI_KIND_DICT:
        return name_dict(event, into, size);
    case ABI_KIND_DESCRIPTOR:
        return name_descriptor(event, type, into, size);
    default:
        snprintf(into, size, "instance of %s", type);
    }
}

void name_held(const struct abi_event *event, const char *held, char *name, size_t size)
{
    size_t used;

    if (event->kind == ABI_KIND_DICT)
        snprintf(name, size, "dict");
    used = strlen(name);
    snprintf(name + used, size - used, " (%s)", held);
}

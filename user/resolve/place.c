#include "resolve/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "capture/modules.h"
#include "util/array.h"

/* Code that was scanned, as it is loaded in a target: the interpreter's, or a module's. */
struct code {
    const struct elf_file *file;
    const char *path;
    uint64_t bias;
    const struct scan *scan;
    bool in_module;
};

static struct code code_of_interpreter(const struct session *session, const struct session_target *target)
{
    return (struct code){target->interpreter.file, target->interpreter.path, target->interpreter.bias,
                         session->binaries[target->code.binary].scan, false};
}

static struct code code_of_module(const struct session *session, const struct session_module *module, uint64_t bias)
{
    return (struct code){module->file, module->path, bias, session->binaries[module->code.binary].scan, true};
}

/* The code of that binary in a target that has it. */
static struct code code_of_binary(const struct session *session, const struct session_target *target, uint32_t binary)
{
    for (size_t i = 0; binary != target->code.binary && i < arrlenu(target->modules); i++) {
        if (!target->modules[i].unknown && target->modules[i].code.binary == binary)
            return code_of_module(session, &target->modules[i], target->modules[i].code.bias);
    }
    return code_of_interpreter(session, target);
}

/* The code around an address of the process, if it was scanned. */
static bool find_code(const struct session *session, const struct session_target *target, uint64_t address,
                      struct code *code)
{
    struct session_range range;

    *code = modules_at(target, address, &range) == MODULES_ONE
                ? code_of_module(session, &target->modules[range.module], range.bias)
                : code_of_interpreter(session, target);
    return address - code->bias >= code->scan->text_start && address - code->bias < code->scan->text_end;
}

static const char *file_name(const char *path)
{
    const char *last = strrchr(path, '/');

    return last ? last + 1 : path;
}

/* Whether the path leads to the mapped file from here too: a container's may be another one of that name. */
static bool is_same_file(const struct mapping *mapping)
{
    struct stat found;

    return stat(mapping->path, &found) == 0 && found.st_ino == mapping->inode &&
           major(found.st_dev) == mapping->dev_major && minor(found.st_dev) == mapping->dev_minor;
}

static void name_function(const struct code *code, uint64_t address, char *into, size_t size)
{
    elf_file_function_name(code->file, code->path, address, into, size);
}

/* The function that runs at an address of a process, in whatever file. */
static void name_code_at(const struct session_target *target, uint64_t address, struct place_names *names)
{
    const struct process *process = &target->process;
    struct session_range range;
    char path[PLACE_SIZE];

    if (modules_at(target, address, &range) == MODULES_SEVERAL) {
        snprintf(names->function, sizeof(names->function), "code that was unloaded");
        return;
    }
    for (size_t i = 0; i < arrlenu(process->mappings); i++) {
        const struct mapping *mapping = &process->mappings[i];
        struct elf_file *file;

        if (address < mapping->start || address >= mapping->end)
            continue;
        names->binary = mapping->path;
        names->in_module = true;
        process_mapping_file(process, mapping, path, sizeof(path));
        file = elf_file_open(path);
        if (!file && is_same_file(mapping))
            file = elf_file_open(mapping->path);
        names->address = address - mapping->start + mapping->offset;
        if (file) {
            names->address = elf_file_vaddr(file, names->address);
            elf_file_function_name(file, mapping->path, names->address - 1, names->function, sizeof(names->function));
        } else {
            snprintf(names->function, sizeof(names->function), "%s+0x%llx", file_name(mapping->path),
                     (unsigned long long)names->address);
        }
        elf_file_close(file);
        return;
    }
    snprintf(names->function, sizeof(names->function), "code outside every file");
}

/* The last part of a type's name is what its fields go by: "function.func_globals", "Config.ob_type". */
static const char *short_type(const char *type)
{
    const char *last = strrchr(type, '.');

    return last ? last + 1 : type;
}

/* An item of the array that [object + disp] points to. */
static void name_outer_field(const struct layout *layout, int64_t disp, const char *type, char *into)
{
    const char *member = layout_field(layout, type, disp);

    if (strcmp(type, "list") == 0 && disp == layout->list_item)
        snprintf(into, PLACE_SIZE, "list item");
    else if (strcmp(type, "dict") == 0 && disp == layout->dict_values)
        snprintf(into, PLACE_SIZE, "dict value");
    else if (strcmp(type, "dict") == 0 && disp == layout->dict_keys)
        snprintf(into, PLACE_SIZE, "dict entry");
    else if (member)
        snprintf(into, PLACE_SIZE, "%s.%s item", short_type(type), member);
    else
        snprintf(into, PLACE_SIZE, "%s item", short_type(type));
}

static void name_base_field(const struct layout *layout, const struct slot *slot, const struct base_type *base,
                            char *into)
{
    const char *type = base->name;
    const char *member = slot->kind == SLOT_FIELD ? layout_field(layout, type, slot->disp) : NULL;

    if (slot->kind == SLOT_FIELD && slot->disp == OB_TYPE)
        snprintf(into, PLACE_SIZE, "%s.ob_type", short_type(type));
    else if (member)
        snprintf(into, PLACE_SIZE, "%s.%s", short_type(type), member);
    else if (slot->kind == SLOT_ITEM && base->inline_values)
        snprintf(into, PLACE_SIZE, "%s attribute", short_type(type));
    else if (slot->kind == SLOT_ITEM || (strcmp(type, "tuple") == 0 && slot->disp >= layout->tuple_item))
        snprintf(into, PLACE_SIZE, "%s item", short_type(type));
    else
        snprintf(into, PLACE_SIZE, "%s+%lld", short_type(type), (long long)slot->disp);
}

/* false: the frame holds it, but it is none of its members. */
static bool name_frame_field(const struct layout *layout, const struct slot *slot, char *into)
{
    const char *member = slot->kind == SLOT_FIELD ? layout_field(layout, "interpreter_frame", slot->disp) : NULL;

    snprintf(into, PLACE_SIZE, "%s%s", member ? "frame." : "frame local or stack item", member ? member : "");
    return member != NULL;
}

/* Without a slot: what the function got the object from, if that is known, else the function itself. */
static void name_site_field(const struct code *code, const struct slot *slot, struct place_names *names)
{
    char from[PLACE_SIZE];

    names->source = FIELD_SITE;
    names->open = true;
    if (slot && slot->kind == SLOT_RESULT && slot->callee) {
        name_function(code, slot->callee, from, sizeof(from));
        snprintf(names->field, sizeof(names->field), "result of %.480s()", from);
        return;
    }
    snprintf(names->field, sizeof(names->field), "%s%.480s()", names->below ? "" : "in ", names->function);
}

static void name_field(const struct session_target *target, const struct code *code, const struct slot *slot,
                       const struct abi_cold_key *key, const struct base_type *base, struct place_names *names)
{
    const struct layout *layout = &target->interpreter.layout;

    names->source = FIELD_SLOT;
    if (slot && key->how == ABI_HOW_BASE && *base->name)
        name_base_field(layout, slot, base, names->field);
    else if (slot && key->how == ABI_HOW_OUTER && *base->name)
        name_outer_field(layout, slot->outer_disp, base->name, names->field);
    else if (slot && key->how == ABI_HOW_BEHIND && *base->name)
        name_outer_field(layout, slot->disp, base->name, names->field);
    else if (slot && ABI_HOW(key->how) == ABI_HOW_FRAME)
        names->open = !name_frame_field(layout, slot, names->field);
    else
        name_site_field(code, slot, names);
}

/* Members of an interpreter frame, and of nothing else: an object has its count where a frame has its function. */
static bool are_of_frame(const struct layout *layout, uint64_t members)
{
    bool function = false;

    for (int i = 0; i < 64; i++) {
        const char *member = members >> i & 1 ? layout_field(layout, "interpreter_frame", 8 * (uint64_t)i) : NULL;

        if ((members >> i & 1) && !member)
            return false;
        function |= member && strcmp(member, "f_funcobj") == 0;
    }
    return function;
}

/* The slot lies in a caller; where the call is not one that the scan knows, only the code around it has a name. */
static const struct slot *name_caller(const struct session *session, const struct session_target *target,
                                      const struct abi_cold_key *key, struct code *code, struct place_names *names)
{
    uint32_t argument = key->level >> 8;
    const struct caller *caller;
    char below[PLACE_SIZE];

    if (!find_code(session, target, key->returns_to, code)) {
        name_code_at(target, key->returns_to, names);
        return NULL;
    }
    names->binary = code->path;
    names->in_module = code->in_module;
    names->address = key->returns_to - code->bias;
    caller = scan_caller(code->scan, names->address);
    if (caller && argument < ARGUMENTS && !(caller->loses & (1u << argument))) {
        name_function(code, names->address - 1, names->function, sizeof(names->function));
        return &caller->arguments[argument];
    }
    if (caller) {
        name_function(code, caller->target, names->function, sizeof(names->function));
        names->clears_frame =
            argument < ARGUMENTS && are_of_frame(&target->interpreter.layout, caller->members[argument]);
        return argument < ARGUMENTS && caller->arguments[argument].kind == SLOT_FIELD ? &caller->arguments[argument] : NULL;
    }
    /* An indirect call: what it called has jumped on, and left no trace of itself. */
    name_function(code, names->address - 1, below, sizeof(below));
    snprintf(names->function, sizeof(names->function), "called by %.500s", below);
    names->below = true;
    return NULL;
}

void place_name(const struct session *session, const struct abi_cold_key *key, const struct base_type *base,
                struct place_names *names)
{
    const struct session_target *target = &session->targets[key->target];
    const struct session_binary *binary = &session->binaries[ABI_SITE_BINARY(key->site)];
    const struct operation *operation = session_site(binary, ABI_SITE_NUMBER(key->site));
    struct code code = code_of_binary(session, target, ABI_SITE_BINARY(key->site));
    const struct slot *slot = &operation->slot;

    names->binary = code.path;
    names->in_module = code.in_module;
    names->increment = operation->kind == OPERATION_TOUCH ? operation->guarded : operation->kind != OPERATION_DECREMENT;
    names->address = operation->address;
    name_function(&code, operation->address, names->operation, sizeof(names->operation));
    snprintf(names->function, sizeof(names->function), "%s", names->operation);
    if (key->returns_to)
        slot = name_caller(session, target, key, &code, names);
    name_field(target, &code, slot, key, base, names);
}

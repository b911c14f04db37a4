/*
 * Where CPython's structures keep things: byte offsets on x86-64. Whatever _Py_DebugOffsets gives is read
 * from the interpreter itself; the rest comes from a table keyed by version, each entry naming its source.
 */
#ifndef HOTREF_TARGET_LAYOUT_H
#define HOTREF_TARGET_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

struct layout {
    uint64_t hex_version;
    /* object header: Include/object.h, the same from 3.13 to 3.16.0a0 */
    uint16_t ob_tid, ob_ref_local, ob_ref_shared, ob_type, ob_size;
    /* from _Py_DebugOffsets */
    uint32_t runtime_finalizing, runtime_interpreters_head, interp_next, interp_threads_head, interp_modules;
    uint16_t tstate_next, tstate_current_frame, tstate_thread_id, tstate_native_thread_id, tstate_status;
    uint16_t frame_executable, frame_previous, frame_instr_ptr, frame_localsplus, frame_owner;
    uint16_t frame_tlbc_index, code_tlbc; /* 0 before 3.14, where threads have no bytecode of their own */
    uint16_t code_firstlineno, code_filename, code_name, code_qualname, code_linetable, code_localsplusnames,
        code_localspluskinds, code_adaptive;
    uint16_t type_name, type_flags, tuple_item, list_item, list_size, dict_keys, dict_values;
    uint16_t bytes_size, bytes_data, str_length, str_state, str_ascii_data, float_value, long_tag, long_digit;
    /* by version */
    uint16_t str_data; /* of a compact string that is not ASCII */
    uint16_t type_basicsize, type_base, type_dict, type_dictoffset, heap_qualname, heap_cached_keys,
        heap_module;
    uint16_t module_dict, module_name;
    uint16_t code_consts, code_names, code_exceptions, code_nlocalsplus, code_version;
    uint16_t function_globals, function_builtins, function_name, function_qualname, function_code,
        function_module;
    uint16_t method_function, method_self, cfunction_def, cfunction_self, cfunction_module;
    uint16_t descr_type, descr_name, descr_member, cell_value;
    uint16_t set_mask, set_table;
    uint16_t code_monitoring, monitoring_lines, monitoring_opcodes; /* what instrumented code hides */
    uint16_t code_unique_id, heap_unique_id, dict_watcher_tag; /* 0 where nothing has a per-thread id */
    uint8_t str_kind_shift, str_compact_bit, str_ascii_bit; /* in the 32-bit state word */
};

/*
 * Fills layout from the head of _PyRuntime (bytes of it, size long: at least the cookie, version and flags).
 * Pure: bytes in, layout out. -1 with a failure for a wrong cookie, a build with the GIL, a version that is
 * not known, or a table too short for its version.
 */
int layout_decode(const uint8_t *bytes, size_t size, struct layout *layout);

/* The versions that layout_decode() knows, for a sentence. */
const char *layout_known_versions(void);

/* Writes PY_VERSION_HEX as Python spells it: "3.13.5", "3.15.0rc1". */
void layout_version(uint64_t hex, char *into, size_t size);

/* A field's name by its offset: "func_globals" for ("function", 32); NULL where the table has none. The type
 * is tp_name as CPython spells it ("function", "method", "cell", "code", "module", "type"); the internal
 * frame, which is no object, goes by "interpreter_frame". Only fields of the type's own: those of a base
 * ("BaseException" under "KeyError", "type" under "ABCMeta") are found by asking with each type along
 * tp_base. See layout_fields.c. */
const char *layout_field(const struct layout *layout, const char *type, uint64_t offset);

/* All that type's objects have, one after the other, of those: *next is 0 at first. NULL behind the last. */
const char *layout_next_field(const struct layout *layout, const char *type, size_t *next, uint64_t *offset);

#endif

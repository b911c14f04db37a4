/* The names of fields that hold references, by offset. */
#include "target/layout.h"

#include <stdbool.h>
#include <string.h>

/* Where a field moved: from is the first version (as PY_VERSION_HEX) that has it there, until the first that
 * has it no longer; 0 for "ever". */
struct field {
    const char *type;
    const char *name;
    uint16_t offset;
    uint32_t from, until;
};

enum { V3_14 = 0x030e00a0, V3_14_RC = 0x030e00c1, V3_15 = 0x030f00a0, V3_16 = 0x031000a0 };

/* Include/internal/pycore_frame.h (3.13.5), pycore_interpframe_structs.h (3.14.7, 3.15.0rc1): the references
 * of an interpreter frame that stands at an offset of a generator or frame object. */
#define INNER_FRAME(type, prefix, at, from, until)                                                           \
    {type, prefix "f_executable", (at) + 0, from, until},                                                    \
        {type, prefix "f_funcobj", (at) + 16, from, until},                                                  \
        {type, prefix "f_globals", (at) + 24, from, until},                                                  \
        {type, prefix "f_builtins", (at) + 32, from, until},                                                 \
        {type, prefix "f_locals", (at) + 40, from, until},                                                   \
    {                                                                                                        \
        type, prefix "frame_obj", (at) + 48, from, until                                                     \
    }

/* Include/internal/pycore_genobject.h (3.13.5), pycore_interpframe_structs.h (3.14.7, 3.15.0rc1) */
#define GENERATOR(type, prefix)                                                                              \
    {type, prefix "_name", 40, 0, 0}, {type, prefix "_qualname", 48, 0, 0},                                  \
        {type, prefix "_exc_state.exc_value", 56, 0, 0}, {type, prefix "_origin_or_finalizer", 72, 0, 0},    \
        INNER_FRAME(type, prefix "_iframe.", 88, 0, 0)

/* PyDescr_COMMON: Include/cpython/descrobject.h */
#define DESCRIPTOR(type)                                                                                     \
    {type, "d_type", 32, 0, 0}, {type, "d_name", 40, 0, 0},                                                  \
    {                                                                                                        \
        type, "d_qualname", 48, 0, 0                                                                         \
    }

/* dictiterobject: Objects/dictobject.c */
#define DICT_ITERATOR(type)                                                                                  \
    {type, "di_dict", 32, 0, 0},                                                                             \
    {                                                                                                        \
        type, "di_result", 56, 0, 0                                                                          \
    }

/* Every offset was read from DWARF for 3.13.5 and with offsetof from the sources
 * of 3.14.0a1, 3.14.7, 3.15.0rc1. */
static const struct field fields[] = {
    /* Include/cpython/funcobject.h */
    {"function", "func_globals", 32, 0, 0},
    {"function", "func_builtins", 40, 0, 0},
    {"function", "func_name", 48, 0, 0},
    {"function", "func_qualname", 56, 0, 0},
    {"function", "func_code", 64, 0, 0},
    {"function", "func_defaults", 72, 0, 0},
    {"function", "func_kwdefaults", 80, 0, 0},
    {"function", "func_closure", 88, 0, 0},
    {"function", "func_doc", 96, 0, 0},
    {"function", "func_dict", 104, 0, 0},
    {"function", "func_weakreflist", 112, 0, 0},
    {"function", "func_module", 120, 0, 0},
    {"function", "func_annotations", 128, 0, 0},
    {"function", "func_annotate", 136, V3_14, 0},
    {"function", "func_typeparams", 136, 0, V3_14},
    {"function", "func_typeparams", 144, V3_14, 0},

    /* Include/cpython/classobject.h, methodobject.h, cellobject.h */
    {"method", "im_func", 32, 0, 0},
    {"method", "im_self", 40, 0, 0},
    {"method", "im_weakreflist", 48, 0, 0},
    {"builtin_function_or_method", "m_self", 40, 0, 0},
    {"builtin_function_or_method", "m_module", 48, 0, 0},
    {"builtin_function_or_method", "m_weakreflist", 56, 0, 0},
    {"builtin_method", "mm_class", 72, 0, 0},
    {"cell", "ob_ref", 32, 0, 0},

    /* Include/cpython/code.h; _co_cached points to a block of its own */
    {"code", "co_consts", 40, 0, 0},
    {"code", "co_names", 48, 0, 0},
    {"code", "co_exceptiontable", 56, 0, 0},
    {"code", "co_localsplusnames", 112, 0, 0},
    {"code", "co_localspluskinds", 120, 0, 0},
    {"code", "co_filename", 128, 0, 0},
    {"code", "co_name", 136, 0, 0},
    {"code", "co_qualname", 144, 0, 0},
    {"code", "co_linetable", 152, 0, 0},
    {"code", "co_weakreflist", 160, 0, 0},

    /* Include/internal/pycore_moduleobject.h */
    {"module", "md_dict", 32, 0, 0},
    {"module", "md_weaklist", 56, 0, V3_15},
    {"module", "md_weaklist", 48, V3_15, 0},
    {"module", "md_name", 64, 0, V3_15},
    {"module", "md_name", 56, V3_15, 0},

    /* Include/cpython/object.h */
    {"type", "tp_base", 272, 0, 0},
    {"type", "tp_dict", 280, 0, 0},
    {"type", "tp_bases", 352, 0, 0},
    {"type", "tp_mro", 360, 0, 0},
    {"type", "tp_cache", 368, 0, 0},
    {"type", "tp_subclasses", 376, 0, 0},
    {"type", "tp_weaklist", 384, 0, 0},
    {"type", "ht_name", 872, 0, V3_15},
    {"type", "ht_slots", 880, 0, V3_15},
    {"type", "ht_qualname", 888, 0, V3_15},
    {"type", "ht_cached_keys", 896, 0, V3_15},
    {"type", "ht_module", 904, 0, V3_15},
    {"type", "ht_name", 880, V3_15, V3_16},
    {"type", "ht_slots", 888, V3_15, V3_16},
    {"type", "ht_qualname", 896, V3_15, V3_16},
    {"type", "ht_cached_keys", 904, V3_15, V3_16},
    {"type", "ht_module", 912, V3_15, V3_16},
    {"type", "ht_name", 888, V3_16, 0},
    {"type", "ht_slots", 896, V3_16, 0},
    {"type", "ht_qualname", 904, V3_16, 0},
    {"type", "ht_cached_keys", 912, V3_16, 0},
    {"type", "ht_module", 920, V3_16, 0},

    INNER_FRAME("interpreter_frame", "", 0, 0, 0),

    /* PyFrameObject: as the internal frame; f_overwritten_fast_locals came with 3.14.0b1 */
    {"frame", "f_back", 32, 0, 0},
    {"frame", "f_trace", 48, 0, 0},
    {"frame", "f_extra_locals", 64, 0, 0},
    {"frame", "f_locals_cache", 72, 0, 0},
    {"frame", "f_overwritten_fast_locals", 80, V3_14_RC, 0},
    INNER_FRAME("frame", "_f_frame_data.", 80, 0, V3_14_RC),
    INNER_FRAME("frame", "_f_frame_data.", 88, V3_14_RC, 0),

    GENERATOR("generator", "gi"),
    GENERATOR("coroutine", "cr"),
    GENERATOR("async_generator", "ag"),

    /* propertyobject: Objects/descrobject.c (3.13.5, 3.14.7), pycore_descrobject.h (3.15.0rc1) */
    {"property", "prop_get", 32, 0, 0},
    {"property", "prop_set", 40, 0, 0},
    {"property", "prop_del", 48, 0, 0},
    {"property", "prop_doc", 56, 0, 0},
    {"property", "prop_name", 64, 0, 0},

    /* Objects/funcobject.c, typeobject.c, Include/cpython/weakrefobject.h, Include/sliceobject.h */
    {"classmethod", "cm_callable", 32, 0, 0},
    {"classmethod", "cm_dict", 40, 0, 0},
    {"staticmethod", "sm_callable", 32, 0, 0},
    {"staticmethod", "sm_dict", 40, 0, 0},
    {"super", "type", 32, 0, 0},
    {"super", "obj", 40, 0, 0},
    {"super", "obj_type", 48, 0, 0},
    {"slice", "start", 32, 0, 0},
    {"slice", "stop", 40, 0, 0},
    {"slice", "step", 48, 0, 0},
    {"weakref.ReferenceType", "wr_object", 32, 0, 0},
    {"weakref.ReferenceType", "wr_callback", 40, 0, 0},
    {"weakref.ProxyType", "wr_object", 32, 0, 0},
    {"weakref.ProxyType", "wr_callback", 40, 0, 0},
    {"weakref.CallableProxyType", "wr_object", 32, 0, 0},
    {"weakref.CallableProxyType", "wr_callback", 40, 0, 0},

    DESCRIPTOR("method_descriptor"),
    DESCRIPTOR("classmethod_descriptor"),
    DESCRIPTOR("getset_descriptor"),
    DESCRIPTOR("member_descriptor"),
    DESCRIPTOR("wrapper_descriptor"),
    /* wrapperobject, mappingproxyobject: Objects/descrobject.c */
    {"method-wrapper", "descr", 32, 0, 0},
    {"method-wrapper", "self", 40, 0, 0},
    {"mappingproxy", "mapping", 32, 0, 0},

    /* Modules/_functoolsmodule.c, _collectionsmodule.c, Objects/genericaliasobject.c */
    {"functools.partial", "fn", 32, 0, 0},
    {"functools.partial", "args", 40, 0, 0},
    {"functools.partial", "kw", 48, 0, 0},
    {"functools.partial", "dict", 56, 0, 0},
    {"functools._lru_cache_wrapper", "cache", 88, 0, 0},
    {"functools._lru_cache_wrapper", "func", 104, 0, 0},
    {"functools._lru_cache_wrapper", "kwd_mark", 128, 0, 0},
    {"functools._lru_cache_wrapper", "lru_list_elem_type", 136, 0, 0},
    {"functools._lru_cache_wrapper", "cache_info_type", 144, 0, 0},
    {"functools._lru_cache_wrapper", "dict", 152, 0, 0},
    {"collections.defaultdict", "default_factory", 64, 0, 0},
    {"types.GenericAlias", "origin", 32, 0, 0},
    {"types.GenericAlias", "args", 40, 0, 0},
    {"types.GenericAlias", "parameters", 48, 0, 0},

    /* Objects/listobject.c, tupleobject.c, setobject.c, iterobject.c, enumobject.c, Python/bltinmodule.c */
    {"list_iterator", "it_seq", 40, 0, 0},
    {"list_reverseiterator", "it_seq", 40, 0, 0},
    {"tuple_iterator", "it_seq", 40, 0, 0},
    {"set_iterator", "si_set", 32, 0, 0},
    {"iterator", "it_seq", 40, 0, 0},
    {"callable_iterator", "it_callable", 32, 0, 0},
    {"callable_iterator", "it_sentinel", 40, 0, 0},
    DICT_ITERATOR("dict_keyiterator"),
    DICT_ITERATOR("dict_valueiterator"),
    DICT_ITERATOR("dict_itemiterator"),
    DICT_ITERATOR("dict_reversekeyiterator"),
    DICT_ITERATOR("dict_reversevalueiterator"),
    DICT_ITERATOR("dict_reverseitemiterator"),
    {"dict_keys", "dv_dict", 32, 0, 0},
    {"dict_values", "dv_dict", 32, 0, 0},
    {"dict_items", "dv_dict", 32, 0, 0},
    {"enumerate", "en_sit", 40, 0, 0},
    {"enumerate", "en_result", 48, 0, 0},
    {"enumerate", "en_longindex", 56, 0, 0},
    {"enumerate", "one", 64, 0, 0},
    {"reversed", "seq", 40, 0, 0},
    {"zip", "ittuple", 40, 0, 0},
    {"zip", "result", 48, 0, 0},
    {"map", "iters", 32, 0, 0},
    {"map", "func", 40, 0, 0},
    {"filter", "func", 32, 0, 0},
    {"filter", "it", 40, 0, 0},

    /* From here to the futures: DWARF of 3.13.5, 3.14.7, 3.15.0rc1 and 3.16.0a0.
     * Modules/_sre/sre.h, Objects/rangeobject.c, Include/datetime.h, Modules/_datetimemodule.c */
    {"re.Match", "string", 40, 0, 0},
    {"re.Match", "regs", 48, 0, 0},
    {"re.Match", "pattern", 56, 0, 0},
    {"re.Pattern", "groupindex", 48, 0, 0},
    {"re.Pattern", "indexgroup", 56, 0, 0},
    {"re.Pattern", "pattern", 64, 0, 0},
    {"range", "start", 32, 0, 0},
    {"range", "stop", 40, 0, 0},
    {"range", "step", 48, 0, 0},
    {"range", "length", 56, 0, 0},
    {"longrange_iterator", "start", 32, 0, 0},
    {"longrange_iterator", "step", 40, 0, 0},
    {"longrange_iterator", "len", 48, 0, 0},
    {"datetime.datetime", "tzinfo", 56, 0, 0},
    {"datetime.time", "tzinfo", 48, 0, 0},
    {"datetime.timezone", "offset", 32, 0, 0},
    {"datetime.timezone", "name", 40, 0, 0},

    /* Modules/_operator.c, _struct.c; Include/internal/pycore_context.h */
    {"operator.itemgetter", "item", 40, 0, 0},
    {"operator.attrgetter", "attr", 40, 0, 0},
    {"operator.methodcaller", "name", 32, 0, 0},
    {"operator.methodcaller", "args", 40, 0, 0},
    {"operator.methodcaller", "kwds", 48, 0, 0},
    {"operator.methodcaller", "vectorcall_args", 56, 0, 0},
    {"operator.methodcaller", "vectorcall_kwnames", 64, 0, 0},
    {"_struct.Struct", "s_format", 56, 0, 0},
    {"_contextvars.ContextVar", "var_name", 32, 0, 0},
    {"_contextvars.ContextVar", "var_default", 40, 0, 0},
    {"_contextvars.Context", "ctx_vars", 40, 0, 0},
    {"_contextvars.Token", "tok_ctx", 32, 0, 0},
    {"_contextvars.Token", "tok_var", 40, 0, 0},
    {"_contextvars.Token", "tok_oldval", 48, 0, 0},

    /* Modules/_collectionsmodule.c, _functoolsmodule.c, itertoolsmodule.c; Objects/namespaceobject.c */
    {"collections._tuplegetter", "doc", 40, 0, 0},
    {"functools.KeyWrapper", "cmp", 32, 0, 0},
    {"functools.KeyWrapper", "object", 40, 0, 0},
    {"functools._lru_list_elem", "key", 56, 0, 0},
    {"functools._lru_list_elem", "result", 64, 0, 0},
    {"itertools.chain", "source", 32, 0, 0},
    {"itertools.chain", "active", 40, 0, 0},
    {"itertools.product", "pools", 32, 0, 0},
    {"itertools.product", "result", 48, 0, 0},
    {"itertools.cycle", "it", 32, 0, 0},
    {"itertools.cycle", "saved", 40, 0, 0},
    {"itertools.islice", "it", 32, 0, 0},
    {"itertools.repeat", "element", 32, 0, 0},
    {"itertools.count", "long_cnt", 40, 0, 0},
    {"itertools.count", "long_step", 48, 0, 0},
    {"itertools.accumulate", "total", 32, 0, 0},
    {"itertools.accumulate", "it", 40, 0, 0},
    {"itertools.accumulate", "binop", 48, 0, 0},
    {"itertools.accumulate", "initial", 56, 0, 0},
    {"itertools.starmap", "func", 32, 0, 0},
    {"itertools.starmap", "it", 40, 0, 0},
    {"itertools.groupby", "it", 32, 0, 0},
    {"itertools.groupby", "keyfunc", 40, 0, 0},
    {"itertools.groupby", "tgtkey", 48, 0, 0},
    {"itertools.groupby", "currkey", 56, 0, 0},
    {"itertools.groupby", "currvalue", 64, 0, 0},
    {"itertools._grouper", "parent", 32, 0, 0},
    {"itertools._grouper", "tgtkey", 40, 0, 0},
    {"itertools.compress", "data", 32, 0, 0},
    {"itertools.compress", "selectors", 40, 0, 0},
    {"itertools.dropwhile", "func", 32, 0, 0},
    {"itertools.dropwhile", "it", 40, 0, 0},
    {"itertools.takewhile", "func", 32, 0, 0},
    {"itertools.takewhile", "it", 40, 0, 0},
    {"itertools.filterfalse", "func", 32, 0, 0},
    {"itertools.filterfalse", "it", 40, 0, 0},
    {"itertools.pairwise", "it", 32, 0, 0},
    {"itertools.pairwise", "old", 40, 0, 0},
    {"itertools.pairwise", "result", 48, 0, 0},
    {"itertools.batched", "it", 32, 0, 0},
    {"types.SimpleNamespace", "ns_dict", 32, 0, 0},

    /* Objects/memoryobject.c, genobject.c, iterobject.c, frameobject.c */
    {"memoryview", "mbuf", 40, 0, 0},
    {"memoryview", "view.obj", 80, 0, 0},
    {"async_generator_asend", "ags_gen", 32, 0, 0},
    {"async_generator_asend", "ags_sendval", 40, 0, 0},
    {"async_generator_wrapped_value", "agw_val", 32, 0, 0},
    {"coroutine_wrapper", "cw_coroutine", 32, 0, 0},
    {"anext_awaitable", "wrapped", 32, 0, 0},
    {"anext_awaitable", "default_value", 40, 0, 0},
    {"FrameLocalsProxy", "frame", 32, 0, 0},

    /* Modules/_asynciomodule.c: FutureObj_HEAD; 3.14 put fut_awaited_by and two flags behind it */
    {"_asyncio.Future", "fut_loop", 32, 0, 0},
    {"_asyncio.Future", "fut_callback0", 40, 0, 0},
    {"_asyncio.Future", "fut_context0", 48, 0, 0},
    {"_asyncio.Future", "fut_callbacks", 56, 0, 0},
    {"_asyncio.Future", "fut_exception", 64, 0, 0},
    {"_asyncio.Future", "fut_exception_tb", 72, 0, 0},
    {"_asyncio.Future", "fut_result", 80, 0, 0},
    {"_asyncio.Future", "fut_source_tb", 88, 0, 0},
    {"_asyncio.Future", "fut_cancel_msg", 96, 0, 0},
    {"_asyncio.Future", "fut_cancelled_exc", 104, 0, 0},
    {"_asyncio.Task", "task_loop", 32, 0, 0},
    {"_asyncio.Task", "task_callback0", 40, 0, 0},
    {"_asyncio.Task", "task_context0", 48, 0, 0},
    {"_asyncio.Task", "task_callbacks", 56, 0, 0},
    {"_asyncio.Task", "task_exception", 64, 0, 0},
    {"_asyncio.Task", "task_exception_tb", 72, 0, 0},
    {"_asyncio.Task", "task_result", 80, 0, 0},
    {"_asyncio.Task", "task_source_tb", 88, 0, 0},
    {"_asyncio.Task", "task_cancel_msg", 96, 0, 0},
    {"_asyncio.Task", "task_cancelled_exc", 104, 0, 0},
    {"_asyncio.Task", "task_fut_waiter", 128, 0, V3_14},
    {"_asyncio.Task", "task_fut_waiter", 136, V3_14_RC, 0},
    {"_asyncio.Task", "task_coro", 136, 0, V3_14},
    {"_asyncio.Task", "task_coro", 144, V3_14_RC, 0},
    {"_asyncio.Task", "task_name", 144, 0, V3_14},
    {"_asyncio.Task", "task_name", 152, V3_14_RC, 0},
    {"_asyncio.Task", "task_context", 152, 0, V3_14},
    {"_asyncio.Task", "task_context", 160, V3_14_RC, 0},

    /* Include/cpython/pyerrors.h, traceback.h */
    {"BaseException", "dict", 32, 0, 0},
    {"BaseException", "args", 40, 0, 0},
    {"BaseException", "notes", 48, 0, 0},
    {"BaseException", "traceback", 56, 0, 0},
    {"BaseException", "context", 64, 0, 0},
    {"BaseException", "cause", 72, 0, 0},
    {"StopIteration", "value", 88, 0, 0},
    {"AttributeError", "obj", 88, 0, 0},
    {"AttributeError", "name", 96, 0, 0},
    {"NameError", "name", 88, 0, 0},
    {"OSError", "myerrno", 88, 0, 0},
    {"OSError", "strerror", 96, 0, 0},
    {"OSError", "filename", 104, 0, 0},
    {"OSError", "filename2", 112, 0, 0},
    {"ImportError", "msg", 88, 0, 0},
    {"ImportError", "name", 96, 0, 0},
    {"ImportError", "path", 104, 0, 0},
    {"SystemExit", "code", 88, 0, 0},
    {"traceback", "tb_next", 32, 0, 0},
    {"traceback", "tb_frame", 40, 0, 0},
};

static bool is_valid(const struct field *field, const struct layout *layout)
{
    return layout->hex_version >= field->from && (field->until == 0 || layout->hex_version < field->until);
}

const char *layout_field(const struct layout *layout, const char *type, uint64_t offset)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].offset == offset && is_valid(&fields[i], layout) && strcmp(fields[i].type, type) == 0)
            return fields[i].name;
    }
    return NULL;
}

const char *layout_next_field(const struct layout *layout, const char *type, size_t *next, uint64_t *offset)
{
    while (*next < sizeof(fields) / sizeof(fields[0])) {
        const struct field *field = &fields[(*next)++];

        if (is_valid(field, layout) && strcmp(field->type, type) == 0) {
            *offset = field->offset;
            return field->name;
        }
    }
    return NULL;
}

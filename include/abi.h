/*
 * What the BPF programs and the user side share. Enumerators are numbered and only ever appended to; structs are the
 * same on both sides, to the byte, as the asserts say.
 */
#ifndef HOTREF_ABI_H
#define HOTREF_ABI_H

#ifndef __bpf__
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
typedef int32_t s32;
typedef int16_t s16;
#endif

#define ABI_TARGETS 512     /* processes in one recording */
#define ABI_PROCESSES 4096  /* that are watched at a time, those included that are not recorded */
#define ABI_BINARIES 1024   /* files whose code is probed, over all targets: each has its own tables */
#define ABI_BINARY_SITES 65536 /* probes in one, or places that samples are held against */
#define ABI_BINARY_SPANS (1u << 18)
#define ABI_MODULES 1024    /* files with code in one target, the interpreter apart */
#define ABI_CALLER_CHUNK 32 /* return addresses share an index by 4 bytes; so many indexes a map element */
#define ABI_ROWS 16384
#define ABI_COLD 4096
#define ABI_TYPES 4096      /* that are remembered at a time, and threads */
#define ABI_BUILTIN_TYPES 32 /* in one target; those of a forked one are its parent's */
#define ABI_NAME_AT 4       /* an object is described on its so-many-th operation in a row: below it is cold */

/* A cookie is target << 32 | site, and a site is known by its binary and its number there. Probes that all processes share
 * name no target: it goes by the process. */
#define ABI_ANY_TARGET 0xffffffffu
#define ABI_COOKIE_SITE(cookie) ((u32)(cookie))
#define ABI_COOKIE_TARGET(cookie) ((u32)((cookie) >> 32))
#define ABI_SITE(binary, number) ((u32)(binary) << 16 | (u32)(number))
#define ABI_SITE_BINARY(site) ((u32)(site) >> 16)
#define ABI_SITE_NUMBER(site) ((u32)(site) & 0xffff)

/* Where a value lies when a probe is hit, or in the caller's frame. */
enum abi_place {
    ABI_PLACE_NONE = 0,
    ABI_PLACE_REG = 1,    /* where: offset in struct pt_regs; of a caller's: index of a callee-saved register */
    ABI_PLACE_STACK = 2,  /* offset from the frame's base: rsp at the probe, or rsp just before the call */
    ABI_PLACE_FIXED = 3,  /* offset from the load bias of the file that the code lies in */
    ABI_PLACE_INDEX = 4,  /* of a slot's item: as ABI_PLACE_REG, but the register holds the number of a word */
};

struct abi_location {
    s32 offset;
    u16 where;
    u16 place;            /* enum abi_place */
};

/* A slot: the object that the pointer was read from. */
struct abi_slot {
    struct abi_location base;
    struct abi_location outer; /* tried where base is no object */
    struct abi_location item;  /* the word that it was read from is at the register + offset, or, by index, so many
                                  words behind base + offset */
    u32 behind;           /* argument + 1: base is an array that the caller took from an object; 0: it is not */
    u32 member;           /* offset in base + 1; 0: an item, or not known */
};

#define ABI_SAVED 6       /* rbx, rbp, r12, r13, r14, r15, in this order */

/* From a frame to its caller's. */
struct abi_frame {
    s32 depth;            /* the return address is at base + depth; -1: not known */
    struct abi_location saved[ABI_SAVED]; /* PLACE_NONE: lost */
    u32 reserved;
};

enum abi_argument { ABI_ARGUMENTS = 4 };
#define ABI_NO_ARGUMENT 0xff

/* What a hit means, by ZF: one operation, or a failed attempt or one that the owner does without an atomic. */
enum abi_hit { ABI_HIT_COUNTS = 0, ABI_HIT_COUNTS_IF_ZERO = 1, ABI_HIT_COUNTS_IF_NOT = 2 };

enum abi_site_kind {
    ABI_SITE_DECREMENT = 0, /* behind the atomic */
    ABI_SITE_INCREMENT = 1, /* the same */
    ABI_SITE_GUARDED = 2,   /* an increment, at the jump that lets the owner pass by the atomic */
    ABI_SITE_TOUCH = 3,     /* no probe: an access to the object's header, where samples fall */
};

/* A probe. */
struct abi_site {
    struct abi_location object; /* its value + adjust is the object */
    s32 adjust;
    u8 meaning;           /* enum abi_hit */
    u8 argument;          /* the object is this argument of its function: ask the caller; else ABI_NO_ARGUMENT */
    u8 frame_only;        /* the slot's base may be an interpreter frame, but no object */
    u8 kind;              /* enum abi_site_kind */
    struct abi_slot slot;
    struct abi_frame frame;
};

/* A call site, found by return address. */
struct abi_caller {
    u64 returns_to;       /* in the file */
    struct abi_slot slots[ABI_ARGUMENTS];
    u8 known;             /* bit i: slots[i] is one */
    u8 passes[ABI_ARGUMENTS]; /* argument i is argument so-and-so of this function: ask its caller */
    u8 frame_only;        /* bit i: as in struct abi_site */
    u8 reserved[2];
    struct abi_frame frame;
};

struct abi_caller_chunk {
    u16 index[ABI_CALLER_CHUNK]; /* of a caller of the same binary + 1 */
};

/* Code of a target that lies in another file than the interpreter's. */
struct abi_module {
    u64 start, end;       /* in the process */
    u64 bias;
    u32 binary;
    u32 reserved;
};

/* A process that is recorded. */
struct abi_target {
    u32 tgid;
    u32 live;             /* 0: nothing is counted, any more or yet */
    u64 bias;             /* of the interpreter */
    u64 text_start, text_end; /* of the interpreter, in the process */
    u32 binary;           /* of the interpreter */
    u32 layout;           /* index into layouts */
    u64 code_type;        /* address of PyCode_Type, 0 if unknown */
    u64 runtime;          /* address of _PyRuntime */
    s64 tls;              /* from a thread's fs base to the pointer to its thread state; 0 if unknown */
    u64 started_ns, ended_ns; /* boot clock */
    u32 end;              /* enum abi_end */
    u32 status;
    u64 children;         /* processes that it started */
    u64 samples;          /* how often a sample found it on a CPU */
    u32 parent;           /* number + 1 of the target that it was forked from; 0: none */
    u32 modules;          /* number of the table of its modules, which may be its parent's */
};

/* Which target a process is. */
struct abi_process {
    u32 target;
    u32 borrows;          /* 1: it runs in its parent's memory (vfork) until it execs, as the parent's threads do */
};

/* A process whose execs and new mappings of code are to be told of. */
struct abi_follow {
    u32 hold;             /* 1: it is stopped (SIGSTOP) wherever that happens, so that nothing runs unseen */
    u32 reserved;
    u64 held;             /* so many changes there had been when it was stopped last */
    u64 changes;          /* from some number on, which differs between processes of one pid */
    u64 changed_ns;       /* when the last one was; monotonic clock */
};

enum abi_end { ABI_END_RUNNING = 0, ABI_END_EXIT = 1, ABI_END_EXEC = 2 };

/* How base_type came about. */
enum abi_how {
    ABI_HOW_NONE = 0,
    ABI_HOW_BASE = 1,
    ABI_HOW_OUTER = 2,
    ABI_HOW_FRAME = 3,    /* base is an interpreter frame, which is no object */
    ABI_HOW_BEHIND = 4,   /* the caller took the array from an object: returns_to and base_type are that one's */
};

#define ABI_LEVEL(level) ((level) & 0xff)
#define ABI_LEVEL_ARGUMENT(argument) ((argument) << 8)

/* Of a base that is a frame: which of its variables (co_localsplusnames) or, behind them, items of its stack; 0 where
 * that is not known. */
#define ABI_HOW(how) ((how) & 0xf)
#define ABI_HOW_VARIABLE(how) ((how) >> 4)
#define ABI_HOW_WITH(variable) ((variable) << 4)
#define ABI_MOST_VARIABLES 0xfff

/* One row: operations of one thread on one object from one place. */
struct abi_key {
    u64 object;
    u64 base_type;        /* of the slot's object; 0 unless how says that there is one */
    u64 returns_to;       /* in the process: the caller that the slot is of; 0 where the site's own slot counts */
    u32 tid;
    u32 target;
    u32 site;             /* ABI_SITE() */
    u16 how;              /* enum abi_how, | ABI_HOW_WITH(number of the frame's variable + 1) */
    u16 level;            /* how many callers up returns_to is, | ABI_LEVEL_ARGUMENT(which of its arguments) */
    u64 generation;       /* 0, or what tells a second object at the same address from the first */
    u64 code;             /* where no slot tells the field (how is NONE, or FRAME and no member of it): the top frame's code
                             object; else 0 */
    u32 code_version;     /* its co_version, which no two code objects of one interpreter share */
    u32 instr;            /* the instruction that it is at, in code units of 2 bytes; or ABI_NO_INSTR */
};

#define ABI_NO_INSTR 0xffffffffu
#define ABI_MOST_UNITS (1u << 20) /* bytecode longer than that is not believed */

struct abi_counts {
    u64 decrefs, handoffs, retries, bounces, increfs;
    u64 samples;          /* that found a thread waiting for the object */
};

/* Instructions that a site of kind ABI_SITE_TOUCH stands for: [start, start + length) in the file. */
struct abi_span {
    u32 start;
    u16 length;
    u16 site;             /* its number in the binary */
};

struct abi_row {
    struct abi_counts counts;
    u64 type;
    u64 identity;         /* of the object's unchanging words; see abi_type.identity */
    u64 owner;            /* ob_tid at first sight */
    u64 life;             /* which of the objects that stood at this address, one after the other, | ABI_LIFE_OF_TYPE() */
    u32 mask;             /* copy of the type's */
    u16 described;
    u16 kind;
    u16 until_stack;      /* operations until the Python stack is looked at again */
    u16 looks;            /* how often it was */
    u32 frame_code;       /* of the frame whose variable it is, for telling code objects apart; ABI_SEVERAL: several */
};

#define ABI_SEVERAL 0xffffffffu

/* An element of one of the two halves of the map of rows, ABI_ROWS each. */
enum abi_slot_state { ABI_SLOT_FREE = 0, ABI_SLOT_TAKEN = 1, ABI_SLOT_ROW = 2 };
struct abi_row_slot {
    struct abi_key key;
    struct abi_row row;
    u64 state;            /* enum abi_slot_state: key and row count once it is ABI_SLOT_ROW */
};

/* Types, too, come to stand where others stood: which one it is, from 0. */
#define ABI_LIFE_OF_TYPE(number) ((u64)(number) << 32)
#define ABI_TYPE_NUMBER(row) ((u32)((row)->life >> 32))
#define ABI_TYPE_UNKNOWN 0xffff /* it was not looked at: any of them */

#define ABI_IDENTITY(row) ((row)->identity + (row)->life * 0x9e3779b97f4a7c15ull)

/* Where rows do not fit any more. BPF leaves the code object out, and 0 in its place: with it there would be a fold for every
 * line. The user side, which names places by this key too, fills it in for the rows that it has. */
struct abi_cold_key {
    u64 type;
    u64 base_type;
    u64 returns_to;
    u32 target;
    u32 site;
    u16 how;
    u16 level;
    u16 single;           /* 1: each operation was the only one on its object, which it ended */
    u16 type_number;      /* of type: as ABI_TYPE_NUMBER() */
    u64 code;             /* as in struct abi_key */
    u32 code_version;
    u32 instr;
};

/* What BPF knows of a Python type: put there by the user side for builtin types, found by BPF for others. */
enum abi_kind {
    ABI_KIND_OTHER = 0,   /* an instance: its type's name is all */
    ABI_KIND_STR = 1,
    ABI_KIND_INT = 2,
    ABI_KIND_FLOAT = 3,
    ABI_KIND_BYTES = 4,
    ABI_KIND_CODE = 5,
    ABI_KIND_FUNCTION = 6,
    ABI_KIND_TYPE = 7,
    ABI_KIND_MODULE = 8,
    ABI_KIND_CFUNCTION = 9,
    ABI_KIND_METHOD = 10,
    ABI_KIND_DICT = 11,
    ABI_KIND_TUPLE = 12,
    ABI_KIND_CELL = 13,
    ABI_KIND_DESCRIPTOR = 14,
    ABI_KIND_NO_TYPE = 0xffff, /* not a type at all: remembered so that it is not asked again */
};

struct abi_type_key {
    u64 type;
    u32 target;
    u32 number;           /* on the user side: which of the types that stood there. In BPF 0: the last one counts */
};

struct abi_type {
    u32 mask;             /* bit i: the word at object + 32 + 8 * i never changes while the object lives */
    u16 kind;
    u16 announced;        /* 1: it was; 2: it could not be, yet */
    u64 signature;        /* of its name and other things when it was announced: with another one it is another type */
    u32 number;           /* which of the types that stood there it is */
    u32 reserved;
};

/* Offsets that BPF needs; see user/target/layout.h for where they come from. */
struct abi_layout {
    u16 type_flags, type_name, type_dict, heap_qualname;
    u16 dict_keys;
    u16 str_length, str_state, str_ascii_data, str_data;
    u16 bytes_size, bytes_data;
    u16 code_filename, code_qualname, code_firstlineno;
    u16 function_qualname, function_module;
    u16 module_name, cfunction_def, cfunction_self;
    u16 method_function, method_self;
    u16 descr_type, descr_name, cell_value;
    u16 code_unique_id, heap_unique_id, dict_watcher_tag; /* 0: there is none */
    u8 kind_shift, ascii_bit, compact_bit, stackref_tag;
    u32 interpreters_head, interp_next, interp_threads;
    u16 state_next, state_frame, state_thread_id, state_status;
    u16 frame_executable, frame_previous, frame_instr, frame_owner, frame_locals;
    u16 frame_tlbc;       /* 0: this version has no bytecode of a thread's own */
    u16 code_bytes, code_tlbc, code_version, code_locals, code_linetable;
    u16 reserved;
    u32 types;            /* the target whose builtin types are those of all that have this layout */
};

/* A Python string as it lies in memory: the user side makes UTF-8 of it. */
#define ABI_TEXT 160
struct abi_text {
    u32 length;           /* characters */
    u16 bytes;            /* of data; 0: there was none */
    u8 width;             /* bytes a character; 0: C string */
    u8 ascii;
    char data[ABI_TEXT];
};

enum abi_event_kind {
    ABI_EVENT_OBJECT = 1, /* what an object is; key and the row's identity say which */
    ABI_EVENT_TYPE = 2,   /* what a type is; object is the type */
    ABI_EVENT_THREAD = 3,
    ABI_EVENT_END = 4,    /* a target ended; see abi_target */
    ABI_EVENT_FULL = 5,   /* the rows should be taken */
    ABI_EVENT_BYTECODE = 6, /* struct abi_bytecode: where Python code stood when a row with key.code was described */
    ABI_EVENT_STACK = 7,  /* struct abi_stack */
    ABI_EVENT_CODE = 8,   /* a followed process has new code; see abi_follow. words[0]: its pid; where it has been forked just now,
                             words[1]: its parent's, words[2]: how many changes that had had */
};

/* Every event starts so. */
struct abi_event_head {
    u32 event;            /* enum abi_event_kind */
    u32 target;
};

#define ABI_TEXTS 3
struct abi_event {
    u32 event;            /* enum abi_event_kind */
    u32 target;
    u64 object;
    u64 identity;         /* of struct abi_row, and its life: ABI_IDENTITY() */
    u64 type;
    u64 owner;            /* ob_tid of an object; a thread's own thread pointer */
    u64 words[4];         /* object + 32 .. object + 64; for code: [0] is firstlineno */
    u64 per_thread_id;    /* of an object whose references a thread may count for itself; 0: none */
    u32 tid;              /* for a type: its number */
    u16 kind;             /* enum abi_kind */
    u8 heap;              /* for a type: 1 if it is a heap type, ... */
    u8 inline_values;     /* ... and 1 if its instances keep attributes in themselves */
    char comm[16];
    struct abi_text text[ABI_TEXTS];
};

#define ABI_CALLED_FUNCTION 0xffffffffu /* its f_funcobj is the object */
#define ABI_VARIABLES 8   /* so many of them are told */
#define ABI_LOCALS 32     /* so many of a frame's variables are looked at */
struct abi_bytecode {
    u32 event;
    u32 target;
    struct abi_key key;
    u64 identity;         /* ABI_IDENTITY() of the row */
    u64 type;             /* of the object */
    u64 frame;            /* address of the _PyInterpreterFrame */
    u64 instr_ptr;        /* as it stands in the frame */
    u64 units;            /* the 8 bytes there: the opcode's unit and the next three */
    u64 qualname, linetable; /* of the code object: whoever reads it later checks that it is the same one */
    u32 firstlineno;
    u32 local;            /* number + 1 of the first of the frame's variables that is the object; 0: none of them is */
    u64 variable_code;    /* code object of the frame whose variable key.how tells; 0: it tells none */
    u32 variable_version; /* its co_version */
    u32 reserved;
    u64 globals, builtins, locals; /* f_globals, .. of the frame */
    u64 variables[ABI_VARIABLES]; /* its first ones, as they stand there */
    u64 called;           /* code object of the frame that it called and that may just be left; 0: there is none */
    u32 called_version;
    u32 called_local;     /* as local, of that frame; or ABI_CALLED_FUNCTION */
};

/* A Python stack, top frame first, in as many messages as it takes. Those of one thread do not mix. */
#define ABI_STACK_FRAMES 128 /* deeper ones are cut at the root's end */
#define ABI_STACK_CHUNK 16
struct abi_stack_frame {
    u64 code;
    u32 code_version;
    u32 instr;            /* or ABI_NO_INSTR */
};
enum abi_stack_end {
    ABI_STACK_MORE = 0,   /* another message follows */
    ABI_STACK_WHOLE = 1,
    ABI_STACK_TRUNCATED = 2,
    ABI_STACK_FAILED = 3, /* memory could not be read: the frames are not to be used */
};
struct abi_stack {
    u32 event;
    u32 target;
    struct abi_key key;   /* of the row that was added to */
    u64 identity;         /* ABI_IDENTITY() of that */
    u64 type;             /* of the object */
    u16 first;            /* frames in messages before */
    u16 count;
    u16 end;              /* enum abi_stack_end */
    u16 reserved;
    struct abi_stack_frame frames[ABI_STACK_CHUNK];
};

/* In bursts: whether hits are counted, or samples. */
enum abi_counting {
    ABI_COUNTING_SAMPLES = 0,
    ABI_COUNTING_NOTHING = 1, /* probes come or go */
    ABI_COUNTING_HITS = 2,
};

/* Counters that are always reported. */
enum abi_stat {
    ABI_STAT_LOST = 0,    /* operations that neither rows nor cold could take */
    ABI_STAT_COLD = 1,    /* operations that went to cold */
    ABI_STAT_LOST_EVENTS = 2, /* descriptions that the ring buffer could not take */
    ABI_STAT_UNREADABLE = 3, /* operations whose object could not be read */
    ABI_STAT_OWNER_INCREFS = 4, /* hits of guards where the owner incremented: no operations */
    ABI_STAT_WALKS = 5,   /* Python stacks that were looked at: */
    ABI_STAT_TRUNCATED = 6, /* of those, the ones that were deeper than ABI_STACK_FRAMES, ... */
    ABI_STAT_FAILED = 7,  /* ... and the ones that could not be read, or had no thread state */
    ABI_STAT_LOST_STACKS = 8, /* ... and the ones that the ring buffer could not take */
    ABI_STAT_SAMPLE_NS = 9, /* time that samples of targets took in BPF */
    ABI_STAT_LEFT_OUT = 10, /* processes that were to be recorded, but there was no room */
    ABI_STATS = 16,
};

_Static_assert(sizeof(struct abi_location) == 8, "abi");
_Static_assert(sizeof(struct abi_site) == 16 + 32 + 56, "abi");
_Static_assert(sizeof(struct abi_caller) == 8 + 128 + 8 + 56, "abi");
_Static_assert(sizeof(struct abi_module) == 32, "abi");
_Static_assert(sizeof(struct abi_key) == 64, "abi");
_Static_assert(sizeof(struct abi_span) == 8, "abi");
_Static_assert(sizeof(struct abi_row) == 96, "abi");
_Static_assert(sizeof(struct abi_row_slot) == 64 + 96 + 8, "abi");
_Static_assert(sizeof(struct abi_cold_key) == 56, "abi");
_Static_assert(sizeof(struct abi_type) == 24, "abi");
_Static_assert(sizeof(struct abi_text) == 168, "abi");
_Static_assert(sizeof(struct abi_stack) == 8 + 64 + 16 + 8 + 16 * ABI_STACK_CHUNK, "abi");
_Static_assert(sizeof(struct abi_bytecode) == 8 + 64 + 56 + 8 + 16 + 24 + 64 + 16, "abi");

#endif

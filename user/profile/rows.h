/* What a report shows: a profile's counts summed into rows, ranked, with one table of metrics for everybody. */
#ifndef HOTREF_PROFILE_ROWS_H
#define HOTREF_PROFILE_ROWS_H

#include "profile/profile.h"
#include "profile/stall.h"

/* The part of a row that one C function is responsible for. */
struct row_site {
    const char *function;   /* as in struct profile_site */
    const char *operation;
    const char *binary;
    uint64_t address;
    uint64_t decrefs, increfs, handoffs, retries, bounces, samples;
    bool in_module;         /* function lies in another file than the interpreter's */
};

/* The part of a row that one thread is responsible for. */
struct row_thread {
    const char *name;       /* "" in a fold of several, whose tid is 0 */
    uint32_t pid, tid;
    uint64_t decrefs, increfs, handoffs, retries, bounces, samples;
};

/* A Python stack under which a C function was seen to do the row's operations. */
struct row_stack {
    const char *function;
    uint32_t node;          /* of the profile: the top frame */
    uint64_t hits;
};

/* One (type, field, object). Strings belong to the profile. */
struct row {
    const char *type;
    const char *field;
    const char *object;     /* a fold of N objects reads "1,234 others" and belongs to the rows */
    const char *label;      /* object, with the number of objects before it where there are several of the name */
    const char *owner;
    const char *function;   /* of the site with most operations */
    const char *where;      /* the same, for people: "take (counting.so)" where it lies in a module */
    const char *version;    /* of the interpreter that did most operations: "3.13.5" */
    const char **thread_names; /* distinct and sorted */
    struct row_site *sites; /* most operations first */
    struct row_thread *by_thread; /* most operations first; NULL unless asked for */
    uint32_t name_count, site_count, thread_count;
    uint32_t field_source;
    uint32_t threads;       /* distinct threads; where there are several processes, of the one that has most: threads of
                             * different ones never meet */
    uint32_t processes;     /* targets that the objects behind the row are of */
    uint32_t pid;           /* 0 where those are several */
    uint32_t per_thread_id; /* enum per_thread_id: of all objects behind the row, unknown where they differ */
    uint64_t address;       /* 0 where several objects share the name, or in a fold */
    uint64_t objects;       /* objects behind the row; for a fold a lower bound */
    uint64_t decrefs, increfs, handoffs, retries, bounces, samples;
    struct row_stack *stacks; /* hottest first */
    uint32_t stack_count;
    uint32_t frame;         /* of the profile: the Python line that was on top most often; 0 where none was seen */
    uint64_t stack_hits;    /* of all stacks */
    const char *place;      /* that line, short: "nested.py:22 in func"; "" for none */
    bool fold;
    bool sampled;           /* samples tell of it, and no operations */
    const struct profile_meta *meta; /* of the profile */
    uint32_t line;          /* ranked rows of one number, not 0, have objects that share a 64-byte line */
};

uint64_t row_ops(const struct row *row);

/* Adds the counts of row to sum. Threads may be the same ones in both, so that their number is a lower bound. */
void row_add(struct row *sum, const struct row *row);

/* What rows are ranked and shared out by: operations, or samples where these tell of it. */
uint64_t row_weight(const struct row *row);

/* How much of the targets' time threads waited for the object, where samples were taken. */
struct stall row_stall(const struct row *row);
uint64_t row_stall_ns(const struct row *row);

/* Operations a second, as bursts tell; all 0 where there were none. */
struct rate row_rate(const struct row *row);

/* The row as if it were that thread's alone; its sites and stacks are still those of all. */
struct row row_of_thread(const struct row *row, const struct row_thread *thread);

/* "slot", "bytecode", "site"; NULL where it is not known. */
const char *field_source_name(uint32_t source);

/* Metrics: columns, sort keys, and later filters, diff and gate come from this table alone. */
struct metric {
    const char *key;        /* "ops": option value, JSON member, csv column */
    const char *heading;
    const char *meaning;    /* one sentence for --help and docs */
    bool exact;             /* depends on the program alone, neither on the machine nor on the probe: may be gated */
    uint64_t (*of)(const struct row *row);
    bool sums;              /* a row's is the sum of its parts' */
};
extern const struct metric metrics[];
/* What rows are sorted by unless somebody asks for a key. Increments are counted in part only, and an object whose own
 * are would have twice the operations of one whose are not. */
extern const struct metric metric_usual;
extern const size_t metric_count;
const struct metric *metric_find(const char *key); /* NULL if there is none */

/* 0 if a gate may judge by the metric, else -1 with a failure that says by which it may. */
int metric_gated(const struct metric *metric);

/* What a row is called by: csv columns, and what filters look at. */
struct naming {
    const char *key;        /* "type" */
    const char *(*of)(const struct row *row);
};
#define NAMINGS 4
extern const struct naming namings[NAMINGS];
extern const size_t naming_count;

/* True if what the row is called by it is like the glob. */
bool naming_matches(const struct naming *naming, const char *pattern, const struct row *row);

/*
 * Contention is judged object by object: what two threads or more did to one object through one field is ranked.
 * A name may stand for many objects, one for each thread perhaps, so it can have a row in both lists.
 */
struct rows {
    struct row *ranked;     /* stb_ds array: seen from two threads or more, hottest first */
    struct row *single;     /* stb_ds array: one thread only, hottest first */
    struct row *cold;       /* stb_ds array: folds that could not be told to be in which of the two, by name */
    uint64_t ranked_ops, single_ops, cold_ops; /* samples, where these tell; cold: folded before it could be told which of
                                                  the two */
    uint64_t elsewhere_ops; /* of single_ops: on objects that other threads reach through other fields */
    uint64_t ranked_objects; /* distinct, over all of ranked; folds do not count as objects */
    uint32_t ranked_processes; /* targets that have objects in ranked rows; threads meet within one only: ... */
    uint32_t ranked_threads, ranked_threads_least; /* ... distinct, of the target that has most, and fewest */
    char **owned;           /* strings that the rows made themselves */
    struct row_site *sites; /* where the sites of all rows lie, ... */
    const char **names;     /* ... and their threads' names */
    struct row_stack *stacks; /* ... and their stacks */
    struct row_thread *threads; /* ... and their threads' parts, where asked for */
    size_t used_sites, used_names, used_stacks, used_threads;
    bool by_object;
    bool several;           /* processes were recorded: what is one's has to say whose it is */
    uint64_t single_rows;   /* before rows_filter() */
    struct row hottest;     /* by ops, of all that are ranked, whatever the order and the filter; if any are */
    uint64_t left_out_rows, left_out_ops; /* by rows_filter() */
};

struct rows_options {
    const struct metric *key; /* to sort by; NULL: metric_usual */
    bool by_object;           /* one row for each object, even where they share a name or have none */
    bool per_thread;          /* with each row's part by thread */
};

/* Sums counts into rows and sorts both lists by the key, descending; ties by ops, then by names, so that the order is
 * the same in every run. options NULL: as if all were 0. The rows borrow from profile; free them first. */
struct rows *rows_build(const struct profile *profile, const struct rows_options *options);
void rows_free(struct rows *rows); /* takes NULL */

/* A pattern that a row has to match, or must not: "*CONFIG*" in any of its namings, "field=function.*" in one. */
struct rows_filter {
    const char *pattern;
    bool exclude;
};

/* Leaves rows that match one of the patterns, if any is not an exclusion, and none of the exclusions. Sums stay. */
void rows_filter(struct rows *rows, const struct rows_filter *filters, size_t count);
bool filter_keeps(const struct row *row, const struct rows_filter *filters, size_t count);

/* False if pattern asks by "KEY=" for a naming that there is none of; key then has its name. */
bool filter_key(const char *pattern, char *key, size_t size);

/* Where rows_filter() took all rows that are ranked away, a sentence on that, malloc'ed; else NULL. */
char *filter_told(const struct rows *rows, const struct rows_filter *filters, size_t count);

/* "nested.py:22 in func" of a frame of the profile, malloc'ed; NULL only without memory. */
char *frame_label(const struct profile *profile, uint32_t frame);

/* Negative where a stands before b in a list that is sorted by key. */
int row_order(const struct row *a, const struct row *b, const struct metric *key);

/* The verdict: one sentence, malloc'ed; NULL only without memory. */
char *verdict(const struct profile *profile, const struct rows *rows);

/* The same for terminals: names that are longer than a sentence bears are cut. */
char *verdict_short(const struct profile *profile, const struct rows *rows);

/* True if what is ranked cannot be felt, as far as all was seen: the verdict says so, and needs no advice. */
bool negligible(const struct profile *profile, const struct rows *rows);

/* Whether increments were looked for at all, and whether each that there is in the code was. */
bool increfs_measured(const struct profile *profile);
bool increfs_partial(const struct profile *profile);

#endif

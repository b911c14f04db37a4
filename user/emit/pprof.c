/*
 * A profile for pprof, and for the stores that take its profiles in: profile.proto in gzip. A message may be written in
 * pieces, one behind the other, of which repeated fields are put together: so no profile is in memory twice.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "emit/emit.h"
#include "emit/folded.h"
#include "emit/frames.h"
#include "profile/utf8.h"
#include "user/emit/profile.pb-c.h"
#include "util/array.h"
#include "util/error.h"

#define GZIP (15 + 16) /* of zlib's windowBits: the largest window, and gzip's header */

/* Where a message goes. */
struct stream {
    ProtobufCBuffer base;
    z_stream zlib;
    FILE *out;
    size_t filled;
    uint8_t bytes[1 << 16]; /* a message comes a few bytes at a time, of which zlib would make much */
};

struct number_of_text {
    char *key;
    int64_t value;
};

/* One export. */
struct writer {
    struct stream stream;
    const struct profile *profile;
    const struct metric **metrics;  /* stb_ds arrays */
    int64_t *values;
    Pprof__Label *labels;
    struct number_of_text *texts;   /* stb_ds maps */
    struct frame_entry *functions;  /* their ids are one higher */
    struct frame_entry *locations;
    struct number_of_text *mappings;
};

static void deflate_bytes(struct stream *stream, const uint8_t *bytes, size_t size, int how)
{
    unsigned char packed[1 << 14];

    stream->zlib.next_in = (unsigned char *)(uintptr_t)bytes;
    stream->zlib.avail_in = (uInt)size;
    do {
        stream->zlib.next_out = packed;
        stream->zlib.avail_out = sizeof(packed);
        deflate(&stream->zlib, how);
        fwrite_unlocked(packed, 1, sizeof(packed) - stream->zlib.avail_out, stream->out);
    } while (!stream->zlib.avail_out);
}

static void flush(struct stream *stream, int how)
{
    deflate_bytes(stream, stream->bytes, stream->filled, how);
    stream->filled = 0;
}

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes)
{
    struct stream *stream = (struct stream *)buffer;

    if (size > sizeof(stream->bytes) - stream->filled)
        flush(stream, Z_NO_FLUSH);
    if (size > sizeof(stream->bytes)) {
        deflate_bytes(stream, bytes, size, Z_NO_FLUSH);
        return;
    }
    memcpy(stream->bytes + stream->filled, bytes, size);
    stream->filled += size;
}

static void put(struct writer *writer, const Pprof__Profile *piece)
{
    pprof__profile__pack_to_buffer(piece, &writer->stream.base);
}

/* What is no UTF-8 would cost the whole profile. */
static int64_t text_number(struct writer *writer, const char *text)
{
    char *repaired = utf8_valid(text, strlen(text)) ? NULL : utf8_repair(text);
    const char *key = repaired ? repaired : text;
    ptrdiff_t known = shgeti(writer->texts, key);
    int64_t number = known >= 0 ? writer->texts[known].value : (int64_t)shlenu(writer->texts);

    if (known < 0)
        shput(writer->texts, key, number);
    free(repaired);
    return number;
}

static int64_t value_of(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* Head */

/* What Go's own profiles of locks have is called as there. */
static const char *type_name(const struct metric *metric)
{
    return strcmp(metric->key, "ops") == 0 ? "contentions" : metric->key;
}

static void put_type(struct writer *writer, const char *type, const char *unit)
{
    Pprof__ValueType value = PPROF__VALUE_TYPE__INIT;
    Pprof__Profile piece = PPROF__PROFILE__INIT;

    value.type = text_number(writer, type);
    value.unit = text_number(writer, unit);
    piece.n_sample_type = 1;
    piece.sample_type = (Pprof__ValueType *[]){&value};
    put(writer, &piece);
}

static void put_types(struct writer *writer, bool sampled)
{
    for (size_t i = 0; i < arrlenu(writer->metrics); i++)
        put_type(writer, type_name(writer->metrics[i]), "count");
    if (sampled)
        put_type(writer, "delay", "nanoseconds");
}

static void put_head(struct writer *writer, const struct metric *metric, bool sampled)
{
    const struct profile_meta *meta = &writer->profile->meta;
    const char *command = profile_string(writer->profile, meta->command);
    Pprof__ValueType period = PPROF__VALUE_TYPE__INIT;
    Pprof__Profile piece = PPROF__PROFILE__INIT;
    int64_t comment;

    put_types(writer, sampled);
    period.type = text_number(writer, sampled ? "cpu" : type_name(metric));
    period.unit = text_number(writer, sampled ? "nanoseconds" : "count");
    piece.period_type = &period;
    piece.period = sampled ? value_of(meta->sample_ns) : 1;
    piece.time_nanos = value_of(meta->started_ns);
    piece.duration_nanos = value_of(meta->duration_ns);
    piece.default_sample_type = text_number(writer, sampled ? "delay" : type_name(metric));
    comment = text_number(writer, command);
    piece.n_comment = *command != '\0';
    piece.comment = &comment;
    put(writer, &piece);
}

/* Places */

static const char *build_id_of(const struct profile *profile, const char *file)
{
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        if (strcmp(profile_string(profile, profile->targets[i].exe), file) == 0)
            return profile_string(profile, profile->targets[i].build_id);
    }
    for (size_t i = 1; i < arrlenu(profile->modules); i++) {
        if (strcmp(profile_string(profile, profile->modules[i].path), file) == 0)
            return profile_string(profile, profile->modules[i].build_id);
    }
    return "";
}

/* 0 for no file. Nothing is left to be looked up in it. */
static uint64_t mapping_id(struct writer *writer, const char *file)
{
    ptrdiff_t known = shgeti(writer->mappings, file);
    Pprof__Mapping mapping = PPROF__MAPPING__INIT;
    Pprof__Profile piece = PPROF__PROFILE__INIT;

    if (!*file)
        return 0;
    if (known >= 0)
        return (uint64_t)writer->mappings[known].value;
    mapping.id = shlenu(writer->mappings) + 1;
    mapping.filename = text_number(writer, file);
    mapping.build_id = text_number(writer, build_id_of(writer->profile, file));
    mapping.has_functions = true;
    piece.n_mapping = 1;
    piece.mapping = (Pprof__Mapping *[]){&mapping};
    put(writer, &piece);
    shput(writer->mappings, file, (int64_t)mapping.id);
    return mapping.id;
}

/* A function is the same on all of its lines. */
static uint64_t function_id(struct writer *writer, struct frame_text frame)
{
    size_t before = hmlenu(writer->functions);
    Pprof__Function function = PPROF__FUNCTION__INIT;
    Pprof__Profile piece = PPROF__PROFILE__INIT;

    frame.line = 0;
    function.id = frame_number(&writer->functions, frame) + 1;
    if (hmlenu(writer->functions) == before)
        return function.id;
    function.name = text_number(writer, frame.name);
    function.system_name = function.name;
    function.filename = text_number(writer, frame.file);
    piece.n_function = 1;
    piece.function = (Pprof__Function *[]){&function};
    put(writer, &piece);
    return function.id;
}

static uint64_t location_id(struct writer *writer, const struct flame_node *node)
{
    struct frame_text frame = frame_text(writer->profile, node);
    size_t before = hmlenu(writer->locations);
    Pprof__Location location = PPROF__LOCATION__INIT;
    Pprof__Line line = PPROF__LINE__INIT;
    Pprof__Profile piece = PPROF__PROFILE__INIT;

    location.id = frame_number(&writer->locations, frame) + 1;
    if (hmlenu(writer->locations) == before)
        return location.id;
    line.function_id = function_id(writer, frame);
    line.line = (int64_t)frame.line;
    location.mapping_id = mapping_id(writer, node->binary);
    location.n_line = 1;
    location.line = (Pprof__Line *[]){&line};
    piece.n_location = 1;
    piece.location = (Pprof__Location *[]){&location};
    put(writer, &piece);
    return location.id;
}

/* Samples */

static void add_label(struct writer *writer, const char *key, const char *text)
{
    Pprof__Label label = PPROF__LABEL__INIT;

    if (!*text)
        return;
    label.key = text_number(writer, key);
    label.str = text_number(writer, text);
    arrput(writer->labels, label);
}

static void add_number(struct writer *writer, const char *key, uint64_t number)
{
    Pprof__Label label = PPROF__LABEL__INIT;

    if (!number)
        return; /* would be no label, but a text that is empty */
    label.key = text_number(writer, key);
    label.num = value_of(number);
    arrput(writer->labels, label);
}

static void add_row(struct writer *writer, const struct rows *rows, const struct row *row)
{
    arrsetlen(writer->labels, 0);
    add_label(writer, "type", row->type);
    add_label(writer, "field", row->field);
    add_label(writer, "object", row->fold ? "others" : rows->by_object ? row->label : row->object);
    add_label(writer, "owner", row->fold ? "" : row->owner);
}

static void put_sample(struct writer *writer, uint64_t *locations)
{
    Pprof__Sample sample = PPROF__SAMPLE__INIT, *samples[] = {&sample};
    Pprof__Profile piece = PPROF__PROFILE__INIT;
    Pprof__Label **labels = NULL;

    for (size_t i = 0; i < arrlenu(writer->labels); i++)
        arrput(labels, &writer->labels[i]);
    sample.n_location_id = arrlenu(locations);
    sample.location_id = locations;
    sample.n_value = arrlenu(writer->values);
    sample.value = writer->values;
    sample.n_label = arrlenu(labels);
    sample.label = labels;
    piece.n_sample = 1;
    piece.sample = samples;
    put(writer, &piece);
    arrfree(labels);
}

static void put_leaf(struct writer *writer, const struct flame *flame, uint32_t leaf, uint64_t **locations)
{
    const struct flame_counts *own = &flame->nodes[leaf].own[0];

    arrsetlen(writer->values, 0);
    for (size_t i = 0; i < arrlenu(writer->metrics); i++)
        arrput(writer->values, value_of(flame_weight(own, writer->metrics[i])));
    if (is_sampled(writer->profile))
        arrput(writer->values, value_of(own->samples * writer->profile->meta.sample_ns));
    arrsetlen(*locations, 0);
    for (uint32_t node = leaf; node; node = flame->nodes[node].parent)
        arrput(*locations, location_id(writer, &flame->nodes[node]));
    put_sample(writer, *locations);
}

/* Rows that are called alike have one leaf: how many threads each had is then no label. */
static void put_leaves(struct writer *writer, const struct rows *rows, const struct flame *flame,
                       const struct emit_options *options)
{
    const struct row **list = flame_rows(rows, (size_t)options->max_rows, options->all);
    uint32_t *leaves = flame_leaves(flame);
    uint64_t *locations = NULL;

    for (size_t i = 0; i < arrlenu(leaves); i++) {
        const struct row *row = list[flame->nodes[leaves[i]].row[0] - 1];

        add_row(writer, rows, row);
        if (!options->all)
            add_number(writer, "threads", row->threads);
        put_leaf(writer, flame, leaves[i], &locations);
    }
    arrfree(list);
    arrfree(leaves);
    arrfree(locations);
}

/* Which thread was under which stack nobody has counted: by thread, samples are of the object alone. */
static void put_threads(struct writer *writer, const struct rows *rows, const struct row *row, uint64_t **locations)
{
    for (uint32_t i = 0; i < row->thread_count; i++) {
        struct row part = row_of_thread(row, &row->by_thread[i]);

        add_row(writer, rows, row);
        add_label(writer, "thread", row->by_thread[i].name);
        add_number(writer, "tid", row->by_thread[i].tid);
        add_number(writer, "pid", row->by_thread[i].pid);
        arrsetlen(writer->values, 0);
        for (size_t m = 0; m < arrlenu(writer->metrics); m++)
            arrput(writer->values, value_of(writer->metrics[m]->of(&part)));
        if (is_sampled(writer->profile))
            arrput(writer->values, value_of(row_stall_ns(&part)));
        put_sample(writer, *locations);
    }
}

static void put_all_threads(struct writer *writer, const struct rows *rows, const struct flame *flame,
                            const struct emit_options *options)
{
    const struct row **list = flame_rows(rows, (size_t)options->max_rows, options->all);
    uint64_t *locations = NULL;
    bool *done = calloc(arrlenu(list) + 1, sizeof(*done));

    for (size_t i = 1; done && i < arrlenu(flame->nodes); i++) {
        uint32_t row = flame->nodes[i].row[0];

        if (!row || done[row - 1])
            continue;
        done[row - 1] = true;
        arrsetlen(locations, 0);
        arrput(locations, location_id(writer, &flame->nodes[i]));
        put_threads(writer, rows, list[row - 1], &locations);
    }
    free(done);
    arrfree(list);
    arrfree(locations);
}

/* Last, as they come to be known on the way. */
static void put_texts(struct writer *writer)
{
    for (size_t i = 0; i < shlenu(writer->texts); i++) {
        Pprof__Profile piece = PPROF__PROFILE__INIT;

        piece.n_string_table = 1;
        piece.string_table = &writer->texts[i].key;
        put(writer, &piece);
    }
}

static void free_writer(struct writer *writer)
{
    arrfree(writer->metrics);
    arrfree(writer->values);
    arrfree(writer->labels);
    shfree(writer->texts);
    shfree(writer->mappings);
    hmfree(writer->functions);
    hmfree(writer->locations);
}

static void put_profile(struct writer *writer, const struct rows *rows, const struct flame *flame,
                        const struct metric *metric, const struct emit_options *options)
{
    const struct profile *profile = writer->profile;
    bool sampled = is_sampled(profile);

    sh_new_arena(writer->texts);
    sh_new_arena(writer->mappings);
    text_number(writer, "");
    writer->metrics = frames_metrics(sampled, increfs_measured(profile));
    put_head(writer, metric, sampled);
    if (rows->threads)
        put_all_threads(writer, rows, flame, options);
    else
        put_leaves(writer, rows, flame, options);
    put_texts(writer);
    flush(&writer->stream, Z_FINISH);
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options, FILE *out)
{
    const struct metric *metric = stack_metric(options->key, is_sampled(profile));
    struct writer writer = {.stream = {.base = {append}, .out = out}, .profile = profile};
    struct flame *flame;

    if (isatty(fileno(out)))
        return fail("a profile for pprof is nothing for a terminal: write it to a file with -o");
    flame = metric ? flame_of_rows(profile, rows, (size_t)options->max_rows, options->all) : NULL;
    if (!flame)
        return -1;
    if (deflateInit2(&writer.stream.zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        flame_free(flame);
        return fail("cannot compress the profile: out of memory");
    }
    put_profile(&writer, rows, flame, metric, options);
    deflateEnd(&writer.stream.zlib);
    free_writer(&writer);
    flame_free(flame);
    return 0;
}

const struct emitter emit_pprof = {"pprof", "gzipped protobuf, for pprof and for stores of profiles", emit};

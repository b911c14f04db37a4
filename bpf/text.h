/* Strings, and dicts that have a str for a key. */
#ifndef HOTREF_BPF_TEXT_H
#define HOTREF_BPF_TEXT_H

#include "abi.h"
#include "memory.h"

#define DICT_ENTRIES 32 /* a named tuple gets its __module__ last */

__noinline int read_text(struct abi_text *text, u64 string, const struct abi_layout *layout)
{
    u32 state = 0, length, width, bytes;
    u64 data;

    if (!text || !layout)
        return 0;
    text->bytes = 0;
    if (!string || bpf_probe_read_user(&state, sizeof(state), (void *)(string + layout->str_state)))
        return 0;
    if (!(state & (1u << (layout->compact_bit & 31))))
        return 0;
    length = read_u64(string + layout->str_length);
    width = (state >> (layout->kind_shift & 31)) & 7;
    if (width != 1 && width != 2 && width != 4)
        return 0;
    text->ascii = (state >> (layout->ascii_bit & 31)) & 1;
    data = string + (text->ascii ? layout->str_ascii_data : layout->str_data);
    bytes = length > ABI_TEXT ? ABI_TEXT : length * width;
    if (bytes > ABI_TEXT)
        bytes = ABI_TEXT;
    if (bpf_probe_read_user(text->data, bytes, (void *)data))
        return 0;
    text->length = length;
    text->width = width;
    text->bytes = bytes;
    return 0;
}

static __always_inline void read_c_string(struct abi_text *text, u64 address)
{
    long size = bpf_probe_read_user_str(text->data, ABI_TEXT, (void *)address);

    text->width = 0;
    text->ascii = 1;
    text->bytes = size > 1 && size <= ABI_TEXT ? size - 1 : 0;
    text->length = text->bytes;
}

#define DICT_HEAD 32

/* Behind the last entry of a table lies what was in that memory before. dk_nentries: Include/internal/pycore_dict.h (3.13
 * to 3.15, free-threaded). */
static __always_inline u64 entries_in(const u8 *head)
{
    return *(const u64 *)(head + 24);
}

/* Reads the value of the str key that is `length` characters long and starts with `word`, from the first entries of
 * a dict with a table of its own. */
__noinline u64 dict_value(u64 dict, u64 word, u64 length, const struct abi_layout *layout)
{
    u64 keys, entry, key, head, entries;
    u32 stride, i;

    if (!layout)
        return 0;
    keys = read_u64(dict + layout->dict_keys);
    if (!keys)
        return 0;
    head = read_u64(keys + 8);
    entries = read_u64(keys + DICT_HEAD - 8);
    entry = keys + DICT_HEAD + (1ull << (head >> 8 & 31));
    stride = head >> 16 & 0xff ? 16 : 24;
    for (i = 0; i < DICT_ENTRIES && i < entries; i++, entry += stride) {
        key = read_u64(entry + stride - 16);
        if (!key || read_u64(key + layout->str_length) != length || read_u64(key + layout->str_ascii_data) != word)
            continue;
        return read_u64(entry + stride - 8);
    }
    return 0;
}

#endif

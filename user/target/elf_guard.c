#include "target/elf_guard.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "util/array.h"

#define PAGE 4096 /* x86-64 */

struct guarded {
    const char *image;
    size_t size;
    volatile bool cut;
};

static struct guarded *guarded; /* stb_ds array */

static struct guarded *find(const char *address)
{
    for (size_t i = 0; i < arrlenu(guarded); i++) {
        uintptr_t from = (uintptr_t)guarded[i].image;

        if ((uintptr_t)address >= from && (uintptr_t)address - from < guarded[i].size + PAGE)
            return &guarded[i];
    }
    return NULL;
}

/* Whatever else it is about ends the process, as if nobody had asked: the access is tried again. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    struct guarded *file = find(info->si_addr);
    void *page = (void *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));

    (void)context;
    if (file && mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page)
        file->cut = true;
    else
        signal(number, SIG_DFL);
}

void elf_guard_add(const void *image, size_t size)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

    sigaction(SIGBUS, &action, NULL);
    arrput(guarded, ((struct guarded){.image = image, .size = size}));
}

void elf_guard_remove(const void *image)
{
    for (size_t i = 0; i < arrlenu(guarded); i++) {
        if (guarded[i].image == image) {
            arrdelswap(guarded, i);
            return;
        }
    }
}

bool elf_guard_was_cut(const void *image)
{
    for (size_t i = 0; i < arrlenu(guarded); i++) {
        if (guarded[i].image == image)
            return guarded[i].cut;
    }
    return false;
}

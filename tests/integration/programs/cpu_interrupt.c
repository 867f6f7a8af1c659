/*
 * A library that QEMU is started with: it mends QEMU's cpu_interrupt(), whose callers must hold QEMU's big lock.
 *
 * The helper for a guest's write to CR8 does not hold it. Where SVM is emulated, and the hypervisor waits for its guest
 * to be ready for an interrupt, an assertion then ends QEMU (7.2, 10.0 and 11.1 alike: "assertion failed:
 * (bql_locked())"). OVMF writes CR8 at the end of each interrupt.
 *
 * Here cpu_interrupt() takes the lock when its caller has not. QEMU exports all that is needed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct CPUState;

static bool (*locked)(void);
static void (*lock)(const char *file, int line);
static void (*unlock)(void);
static void (*interrupt)(struct CPUState *cpu, int mask);

static void mended(struct CPUState *cpu, int mask)
{
    bool held = locked();
    if (!held)
        lock(__FILE__, __LINE__);
    interrupt(cpu, mask);
    if (!held)
        unlock();
}

static void *find(const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);
    if (symbol == NULL) {
        fprintf(stderr, "This QEMU has no %s(): programs/cpu_interrupt.c does not fit it\n", name);
        exit(1);
    }
    return symbol;
}

static void protect(const uint8_t *begin, size_t size, int protection)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = (uintptr_t)begin & ~(page - 1);
    uintptr_t end = ((uintptr_t)begin + size + page - 1) & ~(page - 1);
    if (mprotect((void *)first, end - first, protection) != 0) {
        perror("QEMU's cpu_interrupt() cannot be mended");
        exit(1);
    }
}

__attribute__((constructor)) static void mend(void)
{
    locked = (bool (*)(void))find("bql_locked");
    lock = (void (*)(const char *, int))find("bql_lock_impl");
    unlock = (void (*)(void))find("bql_unlock");
    /* All that cpu_interrupt() does where the accelerator is TCG. */
    interrupt = (void (*)(struct CPUState *, int))find("tcg_handle_interrupt");
    uint8_t *entry = find("cpu_interrupt");

    /* movabs $mended, %rax; jmp *%rax */
    uint8_t jump[] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
    uint64_t target = (uintptr_t)mended;
    memcpy(jump + 2, &target, sizeof(target));
    protect(entry, sizeof(jump), PROT_READ | PROT_WRITE);
    memcpy(entry, jump, sizeof(jump));
    protect(entry, sizeof(jump), PROT_READ | PROT_EXEC);
}

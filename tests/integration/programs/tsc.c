/* Prints the frequency of this machine's TSC in kHz. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct moment {
    uint64_t tsc;
    uint64_t ns;
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Both clocks at one moment: the pair of the least disturbed of some readings. */
static struct moment look(void)
{
    struct moment best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int round = 0; round < 100; round++) {
        uint64_t before = __rdtsc();
        uint64_t ns = now();
        uint64_t after = __rdtsc();
        if (after - before < least) {
            least = after - before;
            best = (struct moment){before + (after - before) / 2, ns};
        }
    }
    return best;
}

int main(void)
{
    struct moment start = look();
    struct timespec pause = {0, 100000000};
    nanosleep(&pause, NULL);
    struct moment end = look();
    printf("%" PRIu64 "\n", (end.tsc - start.tsc) * 1000000 / (end.ns - start.ns));
    return 0;
}

/* Keeps a pattern in all YMM registers of two CPUs until a line comes on standard input, then compares them: whatever
 * stops and continues the CPUs in between must have saved and restored their extended state. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { CPUS = 2, REGISTERS = 16, REGISTER_BYTES = 32 };

static atomic_int loaded, go, wrong;

#define EACH_REGISTER(DO) \
  DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
#define LOAD(n) "vmovdqu " #n "*32(%[in]), %%ymm" #n "\n"
#define STORE(n) "vmovdqu %%ymm" #n ", " #n "*32(%[out])\n"

static void *hold(void *argument) {
  uintptr_t cpu = (uintptr_t)argument;
  uint8_t in[REGISTERS * REGISTER_BYTES], out[sizeof in] = {0};
  cpu_set_t set;

  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) atomic_fetch_add(&wrong, 1);
  for (unsigned i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i * 7 + cpu * 101 + 1);
  __asm__ volatile(EACH_REGISTER(LOAD) "lock incl %[loaded]\n"
                   "1: pause\n"
                   "cmpl $0, %[go]\n"
                   "je 1b\n" EACH_REGISTER(STORE)
                   : [loaded] "+m"(loaded)
                   : [in] "r"(in), [out] "r"(out), [go] "m"(go)
                   : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                     "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
  if (memcmp(in, out, sizeof in) != 0) atomic_fetch_add(&wrong, 1);
  return NULL;
}

int main(void) {
  pthread_t threads[CPUS];
  char line[16];

  if (!__builtin_cpu_supports("avx")) {
    puts("avx: this CPU has none");
    return 1;
  }
  for (uintptr_t cpu = 0; cpu < CPUS; cpu++)
    if (pthread_create(&threads[cpu], NULL, hold, (void *)cpu) != 0) return 1;
  while (atomic_load(&loaded) < CPUS) sched_yield();
  puts("avx: waiting");
  fflush(stdout);
  if (fgets(line, sizeof line, stdin) == NULL) return 1;
  atomic_store(&go, 1);
  for (int cpu = 0; cpu < CPUS; cpu++) pthread_join(threads[cpu], NULL);
  printf("avx: %s on %d CPUs\n", atomic_load(&wrong) == 0 ? "kept" : "lost", CPUS);
  return atomic_load(&wrong) != 0;
}
